package driver

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/format"
)

// webhook posts what members of a room say to a URL, one message after the
// other, each until it is taken or was tried often enough.
type webhook struct {
	rule   *schema.Driver
	client *http.Client
}

// Waits between tries: twice as long each time, and with jitter, so that many
// rooms do not come back at once.
const (
	waitFirst = time.Second
	waitMost  = time.Minute
)

func openWebhook(rule *schema.Driver, reach schema.Reach) *webhook {
	timeout := time.Duration(rule.Timeout) * time.Second
	return &webhook{rule: rule, client: &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{ // no Proxy: the environment's would be asked instead of reach
			DialContext:            dialer(reach, timeout).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (h *webhook) Together() int { return 1 }

func (h *webhook) Close() { h.client.CloseIdleConnections() }

// Do posts a message until it is taken. JSON of the answer is nil.
func (h *webhook) Do(ctx context.Context, r *Request) Answer {
	for try := 1; ; try++ {
		after, err := h.post(ctx, r)
		switch {
		case err == nil:
			return Answer{}
		case ctx.Err() != nil:
			return refuse(schema.Unavailable, "this puddle goes")
		case after < 0:
			return refuse(schema.Unavailable, "the webhook does not take it: %v", err)
		case try >= h.rule.Tries:
			return refuse(schema.Unavailable, "the webhook did not take it in %d tries: %v", try, err)
		}
		wait := time.NewTimer(max(pause(try), after))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
	}
}

// pause is the wait after so many tries.
func pause(tries int) time.Duration {
	longest := min(waitFirst<<min(tries-1, 10), waitMost)
	return longest/2 + rand.N(longest/2)
}

// post tries once. With an error, after is how long the receiver wants to be
// left alone; below 0: for ever.
func (h *webhook) post(ctx context.Context, r *Request) (after time.Duration, err error) {
	request, err := h.request(ctx, r)
	if err != nil {
		return -1, err
	}
	response, err := h.client.Do(request)
	if err != nil {
		if wrapped, is := err.(*url.Error); is {
			err = wrapped.Err // without the URL
		}
		return 0, err
	}
	defer response.Body.Close()
	const read = 64 << 10 // so that the connection can be used again
	io.CopyN(io.Discard, response.Body, read)
	switch code := response.StatusCode; {
	case code >= 200 && code < 300:
		return 0, nil
	case code == 408, code == 425, code == 429, code >= 500:
		return retryAfter(response.Header), fmt.Errorf("it answers %d", code)
	default:
		return -1, fmt.Errorf("it answers %d", code)
	}
}

func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, waitMost)
}

var contentTypes = map[format.Kind]string{
	format.Text: "text/plain; charset=utf-8", format.Bytes: "application/octet-stream", format.Value: "application/json",
}

func (h *webhook) request(ctx context.Context, r *Request) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.rule.URL, bytes.NewReader(r.Message.Data))
	if err != nil {
		return nil, err
	}
	header := request.Header
	header.Set("Content-Type", contentTypes[r.Message.Kind])
	header.Set("User-Agent", "Porthouse")
	header.Set("Porthouse-Room", r.Room)
	header.Set("Porthouse-Id", r.ID)
	if r.Client != "" {
		header.Set("Porthouse-Client", url.PathEscape(r.Client))
	}
	if r.Socket != 0 {
		header.Set("Porthouse-Sequence", r.Socket.String())
	}
	if h.rule.Secret.Set() {
		h.sign(header, r, strconv.FormatInt(time.Now().Unix(), 10))
	}
	return request, nil
}

// sign proves to the receiver who sends and when: HMAC-SHA256 of
// "TIME.ID.BODY" in Porthouse-Signature, and of the body alone in the form that
// many receivers know from GitHub.
func (h *webhook) sign(header http.Header, r *Request, now string) {
	key := []byte(h.rule.Secret.Reveal())
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(now + "." + r.ID + "."))
	mac.Write(r.Message.Data)
	header.Set("Porthouse-Signature", "t="+now+",v1="+hex.EncodeToString(mac.Sum(nil)))
	body := hmac.New(sha256.New, key)
	body.Write(r.Message.Data)
	header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(body.Sum(nil)))
}
