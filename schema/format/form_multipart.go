package format

import (
	"bytes"
	"io"
	"mime/multipart"
	"strings"
	"unicode/utf8"

	"github.com/porthouse/porthouse/schema"
)

// readMultipart reads a form with files (RFC 7578).
func (f *fields) readMultipart(body []byte, boundary string) *schema.Refusal {
	if boundary == "" {
		return refuse(schema.Malformed, "Content-Type: %s without a boundary", typeMultipart)
	}
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := reader.NextPart()
		switch {
		case err == io.EOF: // only the closing boundary says it unwrapped
			return nil
		case err != nil:
			return refuse(schema.Malformed, "form: not %s, or cut off (RFC 7578)", typeMultipart)
		}
		if refusal := f.takePart(part); refusal != nil {
			return refusal
		}
	}
}

func (f *fields) takePart(part *multipart.Part) *schema.Refusal {
	name := part.FormName()
	data, err := io.ReadAll(io.LimitReader(part, int64(f.most)+1))
	if err != nil {
		return refuse(schema.Malformed, "form: the field %s is cut off", shown(name))
	}
	if refusal := f.admit(name, len(data)); refusal != nil {
		return refusal
	}
	file := strings.Contains(part.Header.Get("Content-Disposition"), "filename") // also an empty one
	switch {
	case name == "" || !utf8.ValidString(name):
		return refuse(schema.Malformed, "form: a field without a name in UTF-8")
	case name == "message" || name == "file":
		if file && part.FileName() == "" && len(data) == 0 { // no file was chosen
			return nil
		}
		if file {
			f.form.File = strings.ToValidUTF8(part.FileName(), "_")
		}
		return f.sayPart(part.Header.Get("Content-Type"), file, data)
	case file && part.FileName() != "":
		return refuse(schema.Malformed, "form: the field %s is a file: name the field file", shown(name))
	case !utf8.Valid(data):
		return refuse(schema.Malformed, "form: the field %s is not UTF-8", shown(name))
	}
	return f.set(name, string(data))
}

// sayPart takes a message or file by the type of its part: text/* is text,
// JSON a value, all else bytes. Without one a file is bytes, a field text (RFC
// 7578 section 4.4). A file that says it is text and is not UTF-8 is bytes.
func (f *fields) sayPart(contentType string, file bool, data []byte) *schema.Refusal {
	switch {
	case contentType == "" && file:
		contentType = "application/octet-stream"
	case contentType == "":
		contentType = "text/plain"
	}
	media, charset, refusal := mediaType(contentType)
	if refusal != nil {
		return refusal
	}
	asBytes := !isText(media) && !isJSON(media) || file && isText(media) && isUTF8(charset) && !utf8.Valid(data)
	if asBytes {
		return f.say(Message{Kind: Bytes, Data: data})
	}
	m, refusal := Body(contentType, data)
	if refusal != nil {
		return refusal
	}
	return f.say(m)
}
