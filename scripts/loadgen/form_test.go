package main

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

func TestAValueIsJSONOfItsSize(t *testing.T) {
	for _, size := range []int{valueLeast, 64, 100, 5000} {
		f := valueForm(size)
		body := f.blank()
		f.write(body[len(f.before):], message{number: 1}, 2)
		if len(body) != size || !json.Valid(body) {
			t.Errorf("%d bytes: %q", len(body), body)
		}
	}
}

func TestEnvelopesHoldTheRoomAndTheValue(t *testing.T) {
	for _, size := range []int{valueLeast, 64, 100, 400, 70_000} {
		var envelopes [3]any
		for i, f := range []form{valueForm(size), jsonForm("chat", size), msgpackForm("chat", size)} {
			body := f.blank()
			f.write(body[len(f.before):], message{number: 1}, 2)
			read := json.Unmarshal
			if i == 2 {
				read = msgpack.Unmarshal
			}
			if err := read(body, &envelopes[i]); err != nil {
				t.Fatalf("form %d, %d bytes: %v", i, size, err)
			}
		}
		want := map[string]any{"room": "chat", "data": envelopes[0]}
		for _, got := range envelopes[1:] {
			if !reflect.DeepEqual(got, any(want)) {
				t.Errorf("%.200v, want %.200v", got, want)
			}
		}
	}
}
