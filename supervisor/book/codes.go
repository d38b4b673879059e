package book

import "context"

// UseCode notes that a one-time code was used (store.UseCode).
func (b *Book) UseCode(ctx context.Context, key [32]byte, step, past int64) (fresh bool, err error) {
	return b.store.UseCode(ctx, key, step, past)
}
