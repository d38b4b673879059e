package credential

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// Who gives up while its hash is made leaves at once; the place is taken until
// it is made.
func TestRunGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(1, 4)
		ctx, end := context.WithCancel(t.Context())
		made := make(chan bool)
		given := make(chan error)
		go func() { given <- p.run(ctx, here, func() error { <-made; return nil }) }()
		synctest.Wait()
		end()
		if err := <-given; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if p.busy != 1 {
			t.Errorf("%d places are taken while the hash is made", p.busy)
		}
		close(made)
		synctest.Wait()
		if p.busy != 0 {
			t.Errorf("%d places are taken after it was", p.busy)
		}
	})
}
