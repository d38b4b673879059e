package format

import (
	"bytes"
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/porthouse/porthouse/schema"
)

// FieldsMost is how many fields a form may have.
const FieldsMost = 64

// Form is what a form says.
type Form struct {
	Message  Message
	File     string   // the name of the file that the message is; "": it is none
	To       []string // nil if not said
	Token    string   // "" if not said, as all below
	Client   string
	Password string
	OTP      string
	Key      string
}

// String shows nothing: a form has secrets.
func (f Form) String() string { return "form" }

// GoString is String.
func (f Form) GoString() string { return f.String() }

// fields are those of a form while it is read.
type fields struct {
	form   Form
	most   int // bytes of a field
	count  int
	said   bool // form.Message is there
	others []field
}

// field is one that means nothing to the house.
type field struct {
	name   string
	values []string
}

// ParseForm reads a form (isForm), urlencoded with a "=" somewhere or
// multipart/form-data (RFC 7578). The fields message and file, the latter of
// multipart alone, are the message; to, token, client, password, otp and key
// are the Form's; without message and file all others become one JSON object
// of strings, a repeated one a list. No field may be longer than most bytes.
// Refusals are malformed, format and too-large. Nothing aliases the body.
func ParseForm(contentType string, body []byte, most int) (form Form, isForm bool, refusal *schema.Refusal) {
	media, parameters, err := mime.ParseMediaType(contentType)
	f := fields{most: most}
	switch {
	case err != nil:
		return Form{}, false, nil
	case media == typeMultipart:
		refusal = f.readMultipart(body, parameters["boundary"])
	case media == typeURLEncoded && bytes.IndexByte(body, '=') >= 0:
		refusal = f.readURLEncoded(string(body))
	default:
		return Form{}, false, nil
	}
	if refusal == nil {
		refusal = f.finish()
	}
	if refusal != nil {
		return Form{}, true, refusal
	}
	return f.form, true, nil
}

// readURLEncoded reads what a form is without files (URL Standard, section
// "application/x-www-form-urlencoded parsing").
func (f *fields) readURLEncoded(body string) *schema.Refusal {
	for pair := range strings.SplitSeq(body, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, faultName := url.QueryUnescape(name)
		value, faultValue := url.QueryUnescape(value)
		switch {
		case faultName != nil || faultValue != nil:
			return refuse(schema.Malformed, "form: a %% without two hexadecimal digits behind it; %%25 is a %%")
		case !utf8.ValidString(name) || !utf8.ValidString(value):
			return refuse(schema.Malformed, "form: a field is not UTF-8")
		}
		if refusal := f.admit(name, len(value)); refusal != nil {
			return refusal
		}
		var refusal *schema.Refusal
		if name == "message" {
			refusal = f.say(Message{Kind: Text, Data: []byte(value)})
		} else {
			refusal = f.set(name, value)
		}
		if refusal != nil {
			return refusal
		}
	}
	return nil
}

// admit counts a field and measures it.
func (f *fields) admit(name string, size int) *schema.Refusal {
	f.count++
	switch {
	case f.count > FieldsMost:
		return refuse(schema.Malformed, "form: more than %d fields", FieldsMost)
	case size > f.most:
		return refuse(schema.TooLarge, "form: the field %s has more than %d bytes", shown(name), f.most)
	}
	return nil
}

// say takes the message.
func (f *fields) say(m Message) *schema.Refusal {
	if f.said {
		return refuse(schema.Malformed, "form: one message or one file, not more")
	}
	f.said, f.form.Message = true, m
	return nil
}

// set takes a field that is no message. An empty one of the house's is one
// that was left blank.
func (f *fields) set(name, value string) *schema.Refusal {
	into := f.known(name)
	switch {
	case name == "to":
		return f.addTo(value)
	case into == nil:
		f.addOther(name, value)
	case *into != "":
		return refuse(schema.Malformed, "form: the field %s is said twice", name)
	case name == "key" && len(value) > KeyMost:
		return refuse(schema.Malformed, "form: the field key has 1 to %d bytes", KeyMost)
	case len(value) > schema.WordMost:
		return refuse(schema.TooLarge, "form: the field %s has more than %d bytes", name, schema.WordMost)
	default:
		*into = value
	}
	return nil
}

func (f *fields) known(name string) *string {
	switch name {
	case "token":
		return &f.form.Token
	case "client":
		return &f.form.Client
	case "password":
		return &f.form.Password
	case "otp":
		return &f.form.OTP
	case "key":
		return &f.form.Key
	}
	return nil
}

func (f *fields) addTo(value string) *schema.Refusal {
	for name := range strings.SplitSeq(value, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if len(name) > NameMost || len(f.form.To) == ToMost {
			return refuse(schema.Malformed, "form: to: at most %d clients or sequences of 1 to %d bytes", ToMost, NameMost)
		}
		f.form.To = append(f.form.To, name)
	}
	return nil
}

func (f *fields) addOther(name, value string) {
	for i := range f.others {
		if f.others[i].name == name {
			f.others[i].values = append(f.others[i].values, value)
			return
		}
	}
	f.others = append(f.others, field{name, []string{value}})
}

// finish makes the other fields the message, if there is none.
func (f *fields) finish() *schema.Refusal {
	switch {
	case f.said:
		return nil
	case len(f.others) == 0:
		return refuse(schema.Malformed, "form: it has no message: name a field message, or any other")
	}
	object := []byte{'{'}
	for i, other := range f.others {
		if i > 0 {
			object = append(object, ',')
		}
		object = append(AppendString(object, other.name), ':')
		object = other.appendValue(object)
	}
	object = append(object, '}')
	if len(object) > f.most {
		return refuse(schema.TooLarge, "form: its fields are more than %d bytes", f.most)
	}
	return f.say(Message{Kind: Value, Data: object})
}

func (f *field) appendValue(b []byte) []byte {
	if len(f.values) == 1 {
		return AppendString(b, f.values[0])
	}
	for i, value := range f.values {
		b = AppendString(append(b, "[,"[min(i, 1)]), value)
	}
	return append(b, ']')
}
