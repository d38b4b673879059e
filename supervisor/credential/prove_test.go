package credential

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/porthouse/porthouse/ipc"
	"github.com/porthouse/porthouse/schema"
)

func roomCode(t *testing.T, secret string) schema.OTP {
	t.Helper()
	patch, refusal := schema.ParseRules([]byte(fmt.Sprintf(`{"otp":%q}`, secret)))
	if refusal != nil {
		t.Fatal(refusal)
	}
	_, rules, refusal := schema.Said{}.Apply(patch, schema.DefaultRules())
	if refusal != nil {
		t.Fatal(refusal)
	}
	return rules.OTP
}

func TestProve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook().add("alice", "wonderland").add("bob", "builder")
		b.secrets["alice"] = vectorSecret
		v := newVerifier(t, Config{}, b)
		none, own, rooms := schema.OTP{}, schema.OTP{Kind: schema.OTPOwn}, roomCode(t, vectorSecret)
		open, locked := schema.PasswordHash{}, schema.StoredPassword(cheap("sesame"))
		code := mustCode(t, time.Now())
		for i, test := range []struct {
			room     string
			password schema.PasswordHash
			otp      schema.OTP
			ask      ipc.AskProve
			want     ipc.Proof
			made     uint64 // hashes
		}{
			{"club", open, none, ipc.AskProve{Password: "x", OTP: "1"}, ipc.Proof{}, 0},
			{"club", locked, rooms, ipc.AskProve{}, ipc.Proof{}, 0},
			{"club", locked, none, ipc.AskProve{Password: "x"}, ipc.Proof{Failed: 1}, 1},
			{"club", locked, none, ipc.AskProve{Password: "sesame"}, ipc.Proof{Proved: 1}, 1},
			{"club", locked, none, ipc.AskProve{Password: "sesame", Client: "bob"}, ipc.Proof{Proved: 1}, 0},
			{"bar", locked, none, ipc.AskProve{Password: "sesame", Client: "bob"}, ipc.Proof{Proved: 1}, 1},
			{"club", locked, rooms, ipc.AskProve{Password: "sesame", OTP: "000000"}, ipc.Proof{Proved: 1, Failed: 2}, 0},
			{"club", locked, rooms, ipc.AskProve{Password: "x", OTP: code}, ipc.Proof{Failed: 1}, 1},
			{"club", locked, rooms, ipc.AskProve{Password: "sesame", OTP: code}, ipc.Proof{Proved: 3}, 0},
			{"club", open, rooms, ipc.AskProve{OTP: code}, ipc.Proof{Failed: 2}, 0},
			{"club", open, rooms, ipc.AskProve{OTP: code, Address: there}, ipc.Proof{Proved: 2}, 0},
			{"club", open, rooms, ipc.AskProve{OTP: code, Client: "alice"}, ipc.Proof{Proved: 2}, 0},
			{"club", open, rooms, ipc.AskProve{OTP: code, Client: "alice", Address: there}, ipc.Proof{Failed: 2}, 0},
			{"bar", open, rooms, ipc.AskProve{OTP: code, Client: "alice"}, ipc.Proof{Proved: 2}, 0},
			{"club", open, own, ipc.AskProve{OTP: code, Client: "alice"}, ipc.Proof{Proved: 2}, 0},
			{"bar", open, own, ipc.AskProve{OTP: code, Client: "alice"}, ipc.Proof{Failed: 2}, 0},
			{"club", open, own, ipc.AskProve{OTP: code, Client: "bob"}, ipc.Proof{Failed: 2}, 0},
			{"club", open, own, ipc.AskProve{OTP: code}, ipc.Proof{Failed: 2}, 0},
			{"club", open, own, ipc.AskProve{Client: "bob"}, ipc.Proof{}, 0},
		} {
			if test.ask.Address == "" {
				test.ask.Address = here
			}
			before := hashes(v)
			got, refusal, after := v.Prove(context.Background(), test.room, test.password, test.otp, test.ask)
			if refusal != nil || after != 0 || got != test.want || hashes(v)-before != test.made {
				t.Errorf("%d: %+v, %v, %d hashes, want %+v, %d", i, got, refusal, hashes(v)-before, test.want, test.made)
			}
		}
		// The code that entry took is no good for a login either.
		if got := who(v, ipc.Credential{Client: "alice", Password: "wonderland", OTP: code}, here); got != "unauthorized" {
			t.Errorf("login with a used code: %s", got)
		}
	})
}

// Guesses at a room are slowed and counted, and keep nobody else out of it.
func TestProveStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier(t, Config{}, newBook())
		locked := schema.StoredPassword(cheap("sesame"))
		began, rated := time.Now(), false
		for i := range 200 {
			ask := ipc.AskProve{Password: fmt.Sprint("guess", i), Address: here, Client: fmt.Sprint("client", i%10)}
			proof, refusal, after := v.Prove(context.Background(), "club", locked, schema.OTP{}, ask)
			switch {
			case refusal == nil && proof != ipc.Proof{Failed: 1}:
				t.Fatalf("guess %d: %+v", i, proof)
			case refusal != nil && (refusal.Code != schema.Rate || after < 1):
				t.Fatalf("guess %d: %v, after %d", i, refusal, after)
			}
			rated = rated || refusal != nil
		}
		if !rated || time.Since(began) > time.Minute {
			t.Errorf("rated %v in %s", rated, time.Since(began))
		}
		ask := ipc.AskProve{Password: "sesame", Address: there}
		proof, refusal, _ := v.Prove(context.Background(), "club", locked, schema.OTP{}, ask)
		if refusal != nil || proof != (ipc.Proof{Proved: 1}) {
			t.Errorf("the right password elsewhere: %+v, %v", proof, refusal)
		}
		ask = ipc.AskProve{Password: "sesame", Address: here}
		proof, refusal, _ = v.Prove(context.Background(), "club", locked, schema.OTP{}, ask)
		if refusal != nil || proof != (ipc.Proof{Proved: 1}) {
			t.Errorf("the remembered password from the blocked address: %+v, %v", proof, refusal)
		}
	})
}
