package main

import "testing"

// testForms are all forms of messages of size bytes.
func testForms(t *testing.T, size int) []form {
	t.Helper()
	p := plan{Room: "room-", Rooms: 2, Size: size}
	if err := p.speaks("raw,json,msgpack"); err != nil {
		t.Fatal(err)
	}
	all := []form{bodyForm(size)}
	for _, forms := range p.forms() {
		all = append(all, forms...)
	}
	if len(all) != 6 {
		t.Fatalf("%d forms; want bytes, a value, and two envelopes of each of two rooms", len(all))
	}
	return all
}

func TestABurstIsReadBack(t *testing.T) {
	const count, tag = 3, 77
	for _, size := range []int{valueLeast, 64, 200, 70_000} {
		for _, f := range testForms(t, size) {
			b := newBurst(count, &f, tag).stamp(message{intended: 1e15, number: 9, room: 4, member: 2})
			length := len(f.blank())
			for i := range count {
				head := len(b)/count - length
				m, ok := f.read(b[i*len(b)/count+head:][:length], tag)
				if want := (message{1e15, uint32(9 + i), 4, 2}); !ok || m != want {
					t.Errorf("%.40q, message %d of %d bytes: %+v, %v; want %+v", f.before, i, size, m, ok, want)
				}
			}
		}
	}
}

func TestAChangedByteIsNoMessageOfOurs(t *testing.T) {
	const size, tag = 64, 77
	for _, f := range testForms(t, size) {
		body := f.blank()
		f.write(body[len(f.before):], message{}, tag)
		if _, ok := f.read(body, tag); !ok {
			t.Fatalf("%q is no message of ours", body)
		}
		inTag := len(f.before) + f.stampLength() - 1
		for _, at := range []int{0, inTag, len(body) - 1} {
			if at == 0 && len(f.before) == 0 {
				continue // the time may be any
			}
			body[at] ^= 1
			if _, ok := f.read(body, tag); ok {
				t.Errorf("byte %d of %q was changed and nobody saw it", at, body)
			}
			body[at] ^= 1
		}
		if _, ok := f.read(body[:len(body)-1], tag); ok {
			t.Errorf("%q without its end was taken", body)
		}
	}
}
