package main

import "testing"

func TestAMessageIsReadBack(t *testing.T) {
	for _, size := range []int{messageLeast, 64, 300, 65_000} {
		want := message{44_999, 1_234_567, 12_345_678_901_234_567, 999}
		body := want.append(nil, size)
		if got, ok := readMessage(body, size); !ok || got != want || len(body) != size {
			t.Errorf("%d bytes: %+v, %v from %.60q", size, got, ok, body)
		}
	}
}

func TestAChangedMessageIsNoticed(t *testing.T) {
	body := message{sender: 7, number: 3, sent: 1e15}.append(nil, 64)
	for at := range body {
		changed := append([]byte(nil), body...)
		changed[at] ^= 0x40
		if _, ok := readMessage(changed, 64); ok {
			t.Errorf("byte %d of %q was changed and nobody saw it: %q", at, body, changed)
		}
	}
	if _, ok := readMessage(body[:63], 64); ok {
		t.Error("a short one was taken")
	}
}
