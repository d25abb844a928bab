package vigie

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"time"
)

const (
	// maxKeys bounds the fields of one object, maxDepth how deep objects go.
	maxKeys  = 128
	maxDepth = 8
)

// object is a JSON object in the making: keys in the order of their first use, the
// last value of a key counts.
type object struct {
	members []member
	// cut says that members are missing: there were too many.
	cut bool
}

type member struct {
	key   string
	group *object // an object, or
	value []byte  // the JSON text of anything else
}

// clone copies the object so that what lies on the path of groups may be changed.
func (o *object) clone(path []string) object {
	copied := object{members: append([]member(nil), o.members...), cut: o.cut}
	if len(path) == 0 {
		return copied
	}
	for i := range copied.members {
		if one := &copied.members[i]; one.key == path[0] && one.group != nil {
			inner := one.group.clone(path[1:])
			one.group = &inner
		}
	}
	return copied
}

// open returns the object at the end of a path of groups, made where it is missing.
func (o *object) open(path []string) *object {
	for _, name := range path {
		one := o.at(name)
		if one == nil {
			return &object{} // too many keys; what goes in there is lost, and o says so
		}
		if one.group == nil {
			one.group, one.value = &object{}, nil
		}
		o = one.group
	}
	return o
}

// at returns the member of this key, added where it is missing; nil when there are too many.
func (o *object) at(key string) *member {
	for i := range o.members {
		if o.members[i].key == key {
			return &o.members[i]
		}
	}
	if len(o.members) >= maxKeys {
		o.cut = true
		return nil
	}
	o.members = append(o.members, member{key: key})
	return &o.members[len(o.members)-1]
}

// put adds an attribute by slog's rules: an empty one is left out, a group without a
// key is put in place, an empty group is left out.
func (o *object) put(attr slog.Attr, depth int) {
	value := attr.Value.Resolve()
	if attr.Key == "" && value.Equal(slog.Value{}) {
		return
	}
	if value.Kind() == slog.KindGroup {
		o.putGroup(attr.Key, value.Group(), depth)
		return
	}
	if one := o.at(cut(attr.Key, maxName)); one != nil {
		one.group, one.value = nil, appendValue(nil, value)
	}
}

func (o *object) putGroup(key string, attrs []slog.Attr, depth int) {
	if len(attrs) == 0 {
		return
	}
	if depth >= maxDepth {
		o.cut = true
		return
	}
	into := o
	if key != "" {
		into = o.open([]string{cut(key, maxName)})
	}
	for _, attr := range attrs {
		into.put(attr, depth+1)
	}
}

// encode returns the JSON text, nil for an empty object, leaving out members that do
// not fit into limit bytes, and whether all is there.
func (o *object) encode(limit int) (text []byte, whole bool) {
	whole = true
	text = o.append(nil, limit, &whole)
	if len(text) == len("{}") {
		return nil, whole
	}
	return text, whole
}

func (o *object) append(to []byte, limit int, whole *bool) []byte {
	if o.cut {
		*whole = false
	}
	to = append(to, '{')
	first := true
	for _, one := range o.members {
		before := len(to)
		if !first {
			to = append(to, ',')
		}
		to = appendString(to, one.key)
		to = append(to, ':')
		if one.group != nil {
			to = one.group.append(to, limit-1, whole)
		} else {
			to = append(to, one.value...)
		}
		if len(to) >= limit {
			to, *whole = to[:before], false
			continue
		}
		first = false
	}
	return append(to, '}')
}

// appendValue writes a resolved value that is not a group.
func appendValue(to []byte, value slog.Value) []byte {
	switch value.Kind() {
	case slog.KindString:
		return appendString(to, cut(value.String(), maxMessage))
	case slog.KindInt64:
		return strconv.AppendInt(to, value.Int64(), 10)
	case slog.KindUint64:
		return strconv.AppendUint(to, value.Uint64(), 10)
	case slog.KindBool:
		return strconv.AppendBool(to, value.Bool())
	case slog.KindFloat64:
		return appendFloat(to, value.Float64())
	case slog.KindDuration:
		return appendString(to, value.Duration().String())
	case slog.KindTime:
		return appendString(to, value.Time().Format(time.RFC3339Nano))
	}
	return appendAny(to, value.Any())
}

// appendFloat writes a number, or a string where JSON has no number for it.
func appendFloat(to []byte, number float64) []byte {
	if math.IsNaN(number) || math.IsInf(number, 0) {
		return appendString(to, strconv.FormatFloat(number, 'g', -1, 64))
	}
	return strconv.AppendFloat(to, number, 'g', -1, 64)
}

// appendAny asks an error for its text and encoding/json for anything else. Foreign
// code runs here; its panic must not become the logger's.
func appendAny(to []byte, value any) (text []byte) {
	defer func() {
		if cause := recover(); cause != nil {
			text = appendString(to, fmt.Sprintf("!PANIC: %T", value))
		}
	}()
	if failure, ok := value.(error); ok {
		if _, own := value.(json.Marshaler); !own {
			return appendString(to, cut(failure.Error(), maxMessage))
		}
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return appendString(to, cut(fmt.Sprintf("%+v", value), maxMessage))
	}
	if len(encoded) > maxFields {
		return appendString(to, cut(string(encoded), maxMessage))
	}
	return append(to, encoded...)
}

// textOf is a value as plain text, for fields that are texts.
func textOf(value slog.Value) (text string) {
	defer func() {
		if cause := recover(); cause != nil {
			text = "!PANIC"
		}
	}()
	return value.String()
}
