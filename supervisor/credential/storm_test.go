package credential

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/porthouse/porthouse/ipc"
)

// Beyond 20 wrong tries a minute an address is refused, but what needs no
// hash is still taken from it, and the rest a minute later.
func TestAddressBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook().add("alice", "wonderland").add("bob", "builder")
		b.give("pht_token", bookToken{id: "1", client: "alice"})
		v := newVerifier(t, Config{}, b)
		if got := who(v, pairOf("alice", "wonderland"), "::1"); got != "ok" {
			t.Fatal(got)
		}
		for i := range 25 {
			want := "unauthorized"
			if i >= addressTries {
				want = "rate"
			}
			if got := who(v, pairOf(fmt.Sprint("guess", i), "x"), fmt.Sprintf("2001:db8::%x", i)); got != want {
				t.Fatalf("try %d: %s, want %s", i, got, want)
			}
		}
		for _, test := range []struct {
			what, address string
			c             ipc.Credential
			want          string
		}{
			{"not remembered", "2001:db8::1", pairOf("bob", "builder"), "rate"},
			{"remembered", "2001:db8::1", pairOf("alice", "wonderland"), "ok"},
			{"right token", "2001:db8::1", ipc.Credential{Token: "pht_token"}, "ok as alice"},
			{"wrong token", "2001:db8::1", ipc.Credential{Token: "pht_wrong"}, "rate"},
			{"another /64", "2001:db8:0:1::1", pairOf("bob", "builder"), "ok"},
		} {
			if got := who(v, test.c, test.address); got != test.want {
				t.Errorf("%s: %s, want %s", test.what, got, test.want)
			}
		}
		_, refusal, after := v.Who(context.Background(), pairOf("bob", "x"), "2001:db8::2")
		if refusal == nil || after < 1 || after > 60 {
			t.Fatalf("%v, after %d", refusal, after)
		}
		time.Sleep(time.Duration(after) * time.Second)
		v.ForgetClient("bob")
		if got := who(v, pairOf("bob", "builder"), "2001:db8::1"); got != "ok" {
			t.Errorf("after %d s: %s", after, got)
		}
	})
}

// Tries that wait for a hash already when their address gets blocked are not
// served either.
func TestAddressBlockedWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier(t, Config{Workers: 1}, newBook())
		if err := v.pool.enter(t.Context(), "another"); err != nil {
			t.Fatal(err)
		}
		const tries = 3 * addressTries
		verdicts := make(chan string, tries)
		for i := range tries {
			go func() { verdicts <- who(v, pairOf(fmt.Sprint("guess", i), "x"), here) }()
		}
		synctest.Wait()
		v.pool.leave()
		count := map[string]int{}
		for range tries {
			count[<-verdicts]++
		}
		if count["unauthorized"] != addressTries || count["rate"] != tries-addressTries {
			t.Errorf("verdicts %v", count)
		}
	})
}

// A storm on one client from one address holds up its own tries, and the
// client itself elsewhere by one pause.
func TestStormOnOneClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook().add("alice", "wonderland")
		b.give("pht_token", bookToken{id: "1", client: "alice"})
		v := newVerifier(t, Config{}, b)
		ctx, stop := context.WithCancel(context.Background())
		var storm sync.WaitGroup
		for i := range 200 {
			storm.Go(func() {
				if _, refusal, _ := v.Who(ctx, pairOf("alice", fmt.Sprint("guess", i)), here); refusal == nil {
					t.Error("a guess was taken")
				}
			})
		}
		synctest.Wait()
		time.Sleep(time.Minute) // until the pauses are the longest
		for i := range 30 {
			storm.Go(func() { v.Who(ctx, pairOf("alice", fmt.Sprint("again", i)), here) })
		}
		synctest.Wait()
		began := time.Now()
		if got := who(v, ipc.Credential{Token: "pht_token"}, there); got != "ok as alice" || time.Since(began) > 0 {
			t.Errorf("token: %s, after %s", got, time.Since(began))
		}
		if got := who(v, pairOf("alice", "wonderland"), there); got != "ok" {
			t.Errorf("right password: %s", got)
		}
		if waited := time.Since(began); waited == 0 || waited > 5*time.Second { // of the bubble's clock
			t.Errorf("the right password waited %s", waited)
		}
		stop()
		storm.Wait()
		synctest.Wait() // what burnt for who gave up is over
		if len(v.turns.held) != 0 || v.turns.waiting != 0 || v.pool.busy != 0 {
			t.Errorf("left over: %v, %d waiting, %d busy", v.turns.held, v.turns.waiting, v.pool.busy)
		}
	})
}

// Real hashes, real time: a storm of all sorts from one address does not keep
// a right password from another address out.
func TestStormFromOneAddress(t *testing.T) {
	b := newBook().add("alice", "wonderland")
	b.hashes["alice"] = HashPassword("wonderland")
	v, err := New(Config{Workers: 2, Waiting: 16}, b)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var storm sync.WaitGroup
	for i := range 200 {
		storm.Go(func() {
			if _, refusal, _ := v.Who(ctx, pairOf(fmt.Sprint("guess", i), "x"), here); refusal == nil {
				t.Error("a guess was taken")
			}
		})
	}
	if got := who(v, pairOf("alice", "wonderland"), there); got != "ok" {
		t.Errorf("the right password: %s", got)
	}
	storm.Wait()
	if made := hashes(v); made < 2 || made > addressTries+20 {
		t.Errorf("the storm had %d hashes made", made)
	}
}
