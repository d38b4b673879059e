package console

import (
	"context"
	"log/slog"
)

// Hear makes the console hear what is logged, too.
func (c *Console) Hear(log *slog.Logger) *slog.Logger {
	second := slog.NewJSONHandler(c.feed, &slog.HandlerOptions{Level: slog.LevelDebug})
	return slog.New(both{log.Handler(), second})
}

// both gives records to two handlers; the first says which.
type both struct{ first, second slog.Handler }

func (b both) Enabled(ctx context.Context, level slog.Level) bool { return b.first.Enabled(ctx, level) }

func (b both) Handle(ctx context.Context, r slog.Record) error {
	b.second.Handle(ctx, r.Clone())
	return b.first.Handle(ctx, r)
}

func (b both) WithAttrs(attrs []slog.Attr) slog.Handler {
	return both{b.first.WithAttrs(attrs), b.second.WithAttrs(attrs)}
}

func (b both) WithGroup(name string) slog.Handler {
	return both{b.first.WithGroup(name), b.second.WithGroup(name)}
}
