package vigie

import (
	"time"
	"unicode/utf8"
)

// wireTime is the layout of every time on the wire: RFC 3339 in UTC, to the nanosecond.
const wireTime = "2006-01-02T15:04:05.000000000Z"

// moment is a time on the wire, null when it is zero.
type moment time.Time

// MarshalJSON writes RFC 3339 with nine decimals, or null.
func (m moment) MarshalJSON() ([]byte, error) {
	at := time.Time(m)
	if at.IsZero() {
		return []byte("null"), nil
	}
	return appendMoment(nil, at), nil
}

func appendMoment(to []byte, at time.Time) []byte {
	to = append(to, '"')
	to = at.UTC().AppendFormat(to, wireTime)
	return append(to, '"')
}

// cut shortens a text to at most limit bytes, between two characters.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string. What is not UTF-8 becomes U+FFFD.
func appendString(to []byte, text string) []byte {
	to = append(to, '"')
	for at := 0; at < len(text); {
		char := text[at]
		if char < utf8.RuneSelf {
			to = appendASCII(to, char)
			at++
			continue
		}
		letter, size := utf8.DecodeRuneInString(text[at:])
		switch {
		case letter == utf8.RuneError && size == 1:
			to = append(to, "\uFFFD"...)
		case letter == '\u2028' || letter == '\u2029':
			// Line ends to some readers of JSON lines.
			to = append(to, `\u202`...)
			to = append(to, hexDigits[letter&0xF])
		default:
			to = append(to, text[at:at+size]...)
		}
		at += size
	}
	return append(to, '"')
}

func appendASCII(to []byte, char byte) []byte {
	switch {
	case char == '"' || char == '\\':
		return append(to, '\\', char)
	case char == '\n':
		return append(to, `\n`...)
	case char == '\t':
		return append(to, `\t`...)
	case char == '\r':
		return append(to, `\r`...)
	case char < 0x20 || char == 0x7F:
		return append(to, '\\', 'u', '0', '0', hexDigits[char>>4], hexDigits[char&0xF])
	}
	return append(to, char)
}

// orNil is for what is null on the wire when it is empty.
func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
