package format

import (
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/porthouse/porthouse/schema"
)

const (
	typeURLEncoded = "application/x-www-form-urlencoded"
	typeMultipart  = "multipart/form-data"
)

// Body reads what a POST brings by its Content-Type, "" if it has none. Forms
// are ParseForm's: what comes here as urlencoded is a text without "=", as
// curl -d sends it, and stays as it is. Refusals are format for a type that
// is not taken (HTTP 415), else malformed. The message aliases the body.
func Body(contentType string, body []byte) (Message, *schema.Refusal) {
	if contentType == "" {
		if utf8.Valid(body) {
			return Message{Kind: Text, Data: body}, nil
		}
		return Message{Kind: Bytes, Data: body}, nil
	}
	media, charset, refusal := mediaType(contentType)
	switch {
	case refusal != nil:
		return Message{}, refusal
	case media == "application/octet-stream":
		return Message{Kind: Bytes, Data: body}, nil
	case isJSON(media) && isUTF8(charset):
		return jsonBody(body)
	case media == typeURLEncoded && isUTF8(charset), isText(media) && isUTF8(charset):
		return textBody(body)
	case isText(media) && isLatin1(charset):
		return Message{Kind: Text, Data: fromLatin1(body)}, nil
	case isJSON(media) || isText(media) || media == typeURLEncoded:
		return Message{}, refuse(schema.Format, "Content-Type: charset %s is not taken: send UTF-8", shown(charset))
	}
	return Message{}, refuse(schema.Format, "Content-Type: %s is not taken: text/plain, application/json, "+
		"application/octet-stream, %s and %s are", shown(media), typeURLEncoded, typeMultipart)
}

// mediaType reads a Content-Type (RFC 9110 section 8.3).
func mediaType(contentType string) (media, charset string, refusal *schema.Refusal) {
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", "", refuse(schema.Format, "Content-Type: %s is none (RFC 9110 section 8.3)", shown(contentType))
	}
	return media, strings.ToLower(parameters["charset"]), nil
}

func isJSON(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

func isText(media string) bool { return strings.HasPrefix(media, "text/") && !isJSON(media) }

func isUTF8(charset string) bool {
	switch charset {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return true
	}
	return false
}

func isLatin1(charset string) bool {
	return charset == "iso-8859-1" || charset == "iso8859-1" || charset == "latin1"
}

// fromLatin1 turns ISO 8859-1, whose bytes are Unicode's first 256, into
// UTF-8.
func fromLatin1(body []byte) []byte {
	text := make([]byte, 0, len(body)+len(body)/8)
	for _, c := range body {
		text = utf8.AppendRune(text, rune(c))
	}
	return text
}

func textBody(body []byte) (Message, *schema.Refusal) {
	if !utf8.Valid(body) {
		return Message{}, refuse(schema.Malformed, "the text is not UTF-8: send it so, or bytes as application/octet-stream")
	}
	return Message{Kind: Text, Data: body}, nil
}

func jsonBody(body []byte) (Message, *schema.Refusal) {
	if why := valueFault(body); why != "" {
		return Message{}, refuse(schema.Malformed, "not one JSON value (RFC 8259): %s", why)
	}
	return Message{Kind: Value, Data: body}, nil
}
