package puddle

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/porthouse/porthouse/schema/format"

	"github.com/porthouse/porthouse/schema"
)

// readMessage makes a message of the body of a POST.
func (v *visit) readMessage() *hitAnswer {
	if v.kind != hitSend {
		return nil
	}
	if v.key = v.r.Header.Get("Idempotency-Key"); len(v.key) > format.KeyMost {
		return refuseHit(http.StatusBadRequest, schema.Malformed, fmt.Sprintf("Idempotency-Key has 1 to %d bytes", format.KeyMost))
	}
	kind := v.r.Header.Get("Content-Type")
	if coding := v.r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return refuseHit(http.StatusUnsupportedMediaType, schema.Format, "no Content-Encoding is taken: send the body as it is")
	}
	body, refused := v.readBody()
	if refused != nil {
		return refused
	}
	form, isForm, refusal := format.ParseForm(kind, body, v.limits.bodyMost)
	if refusal != nil {
		return badBody(refusal)
	}
	if isForm {
		v.takeForm(form)
		return nil
	}
	if v.message, refusal = format.Body(kind, body); refusal != nil {
		return badBody(refusal)
	}
	return nil
}

// badBody answers what format found wrong. That it has no word for a content
// type is another status than that a room has none for the message.
func badBody(refusal *schema.Refusal) *hitAnswer {
	a := hitRefused(refusal, 0)
	if refusal.Code == schema.Format {
		a.status = http.StatusUnsupportedMediaType
	}
	return &a
}

// readBody reads the body to its end, or no further than is allowed.
func (v *visit) readBody() ([]byte, *hitAnswer) {
	most := v.limits.bodyMost
	if v.r.ContentLength > int64(most) {
		return nil, tooLargeBody(most)
	}
	v.control.SetReadDeadline(time.Now().Add(v.limits.bodyTime))
	var body []byte
	for {
		if len(body) == cap(body) {
			grown, ok := v.grow(body)
			if !ok {
				return nil, refuseHit(http.StatusServiceUnavailable, schema.Unavailable, "too many bodies are on their way: try again soon")
			}
			body = grown
		}
		n, err := v.r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > most:
			return nil, tooLargeBody(most)
		case errors.Is(err, io.EOF):
			v.unread = false
			return body, nil
		case err != nil:
			return nil, brokenBody(err)
		}
	}
}

// grow makes room for more of a body, within what all bodies may take.
func (v *visit) grow(body []byte) ([]byte, bool) {
	const least = 4 << 10
	size := min(max(least, 2*cap(body)), v.limits.bodyMost+1)
	more := size - cap(body)
	if v.held.Add(int64(more)) > int64(v.limits.heldMost) {
		v.held.Add(int64(-more))
		return nil, false
	}
	v.holds += more
	return append(make([]byte, 0, size), body...), true
}

func (v *visit) letGo() { v.held.Add(int64(-v.holds)) }

func tooLargeBody(most int) *hitAnswer {
	return refuseHit(http.StatusRequestEntityTooLarge, schema.TooLarge, fmt.Sprintf("the body is larger than the %d bytes that the house takes", most))
}

func brokenBody(err error) *hitAnswer {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return refuseHit(http.StatusRequestTimeout, schema.Malformed, "the request's body did not come in time")
	}
	return refuseHit(http.StatusBadRequest, schema.Malformed, "the request's body ended early or is not chunked as it should be (RFC 9112 section 7.1)")
}
