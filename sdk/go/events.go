package vigie

import (
	"log/slog"
	"time"
)

// event is something that happened once, such as a deploy.
type event struct {
	time              time.Time
	kind              string
	severity, subject string
	message           string
	fields            []byte
}

// eventJSON is an event on the wire.
type eventJSON struct {
	ID       string  `json:"id"`
	Time     moment  `json:"time"`
	Type     string  `json:"type"`
	Severity string  `json:"severity"`
	Subject  *string `json:"subject"`
	Message  string  `json:"message"`
	Fields   fields  `json:"fields"`
}

// fields is the text of a JSON object; nothing is the empty object.
type fields []byte

// MarshalJSON returns the text as it is.
func (f fields) MarshalJSON() ([]byte, error) {
	if len(f) == 0 {
		return []byte("{}"), nil
	}
	return f, nil
}

// Event tells of something that happened once: a deploy, a flag that was turned, a
// job that an operator started. Kind is its type, one word by preference
// (`deploy` is drawn on every chart). The rest is as slog takes it: keys and values
// in turn, or slog.Attr; `severity` (info unless said: info, warn, error, critical)
// and `subject` (what it is about) become the event's own fields.
//
//	v.Event("deploy", "orders 1.4.2", "subject", "orders", "commit", "9f3c2e1")
func (r *Recorder) Event(kind, message string, args ...any) {
	if r == nil {
		return
	}
	var record slog.Record
	record.Add(args...)
	one := event{time: time.Now().Round(0), kind: cut(kind, maxName), message: cut(message, maxMessage), severity: "info"}
	var rest object
	record.Attrs(func(attr slog.Attr) bool {
		switch attr.Key {
		case "severity":
			one.severity = cut(textOf(attr.Value.Resolve()), maxName)
		case "subject":
			one.subject = cut(textOf(attr.Value.Resolve()), maxName)
		default:
			rest.put(attr, 0)
		}
		return true
	})
	one.fields, _ = rest.encode(maxFields)
	r.events.append(one, 0)
}

func (e *event) wire(id string) eventJSON {
	return eventJSON{
		ID: id, Time: moment(e.time), Type: e.kind, Severity: e.severity, Subject: orNil(e.subject),
		Message: e.message, Fields: e.fields,
	}
}
