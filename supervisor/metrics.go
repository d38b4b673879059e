package supervisor

import (
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/porthouse/porthouse/ipc/table"
	"github.com/porthouse/porthouse/schema"
	"github.com/porthouse/porthouse/schema/store"
)

// tables are the tables of a house for who is not the select. Nobody may look
// at one that is closed.
type tables struct {
	mu  sync.RWMutex
	all []*table.Table // by slot; nil once closed
}

func (t *tables) look(at func(slot, slots int, t *table.Table)) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for slot, each := range t.all {
		at(slot, len(t.all), each)
	}
}

// add makes a table known.
func (t *tables) add(one *table.Table) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, one)
}

// drop keeps everybody out of the tables from a slot on.
func (t *tables) drop(slot int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = t.all[:slot]
}

// shut keeps everybody out from now on.
func (t *tables) shut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = nil
}

// Names of labels and metrics are the contract (wire.md, "Operators").
var (
	sequencesDesc  = describe("porthouse_sequences", "Sockets by the state of their sequence.", "puddle", "state")
	roomsDesc      = describe("porthouse_rooms", "Rooms, each once.", "kind")
	receivedDesc   = describe("porthouse_messages_received_total", "Messages taken in.", "puddle")
	deliveriesDesc = describe("porthouse_deliveries_total", "Messages handed to the kernel, one a receiver.", "puddle")
	refusedDesc    = describe("porthouse_refused_total", "Requests and messages refused.", "reason")
	closesDesc     = describe("porthouse_closes_total", "Sockets that ended, by close code; 1006: without one.", "code")
	handoverDesc   = describe("porthouse_handover_sockets_total", "Sockets handed over to a successor, or lost on the way.", "result")
	outboxDesc     = describe("porthouse_outbox_bytes", "Bytes that wait for sockets that are behind.", "puddle")
	meshDesc       = describe("porthouse_mesh_messages_total", "Messages passed to a peer.", "from", "to")
	lagDesc        = describe("porthouse_registry_lag_seconds", "Age of the oldest change that is not in the database yet.")
	startsDesc     = describe("porthouse_puddle_starts_total", "Processes that have served a slot.", "puddle")
)

// stallBuckets are of how long a socket waited for its successor, seconds.
var stallBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1}

// handovers is what is counted of them.
type handovers struct {
	moved, lost atomic.Uint64 // sockets
	stall       prometheus.Histogram
}

func newHandovers() *handovers {
	return &handovers{stall: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "porthouse_handover_stall_seconds", Help: "How long sockets waited for a successor.", Buckets: stallBuckets,
	})}
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// collector reads the tables at each scrape.
type collector struct{ house *supervisor }

// Describe tells every metric.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		sequencesDesc, roomsDesc, receivedDesc, deliveriesDesc, refusedDesc, closesDesc,
		handoverDesc, outboxDesc, meshDesc, lagDesc, startsDesc,
	} {
		to <- d
	}
}

// Collect reads every metric.
func (c collector) Collect(to chan<- prometheus.Metric) {
	var sum total
	c.house.tables.look(func(slot, slots int, t *table.Table) {
		collectSlot(to, slot, slots, t)
		sum.add(t)
	})
	sum.collect(to)
	gauge(to, roomsDesc, uint64(c.house.count.transient.Load()), string(store.Transient))
	gauge(to, roomsDesc, uint64(c.house.count.persistent.Load()), string(store.Persistent))
	counter(to, handoverDesc, c.house.handovers.moved.Load(), "moved")
	counter(to, handoverDesc, c.house.handovers.lost.Load(), "lost")
	to <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, c.house.registry.lag().Seconds())
}

func collectSlot(to chan<- prometheus.Metric, slot, slots int, t *table.Table) {
	puddle := strconv.Itoa(slot)
	for state := schema.Handshake; state < schema.States; state++ {
		gauge(to, sequencesDesc, t.Count(table.StateGauge+table.Counter(state)), puddle, state.String())
	}
	counter(to, receivedDesc, t.Count(table.Received), puddle)
	counter(to, deliveriesDesc, t.Count(table.Deliveries), puddle)
	gauge(to, outboxDesc, t.Count(table.OutboxBytes), puddle)
	counter(to, startsDesc, t.Generation(), puddle)
	for peer := range slots {
		if peer != slot {
			counter(to, meshDesc, t.Count(table.MeshTo+table.Counter(peer)), puddle, strconv.Itoa(peer))
		}
	}
}

// total is what is told of the house and not of each puddle.
type total struct {
	refused [len(table.RefusedReasons)]uint64
	closes  [len(schema.CountedCloses)]uint64
}

func (sum *total) add(t *table.Table) {
	for row := range sum.refused {
		sum.refused[row] += t.Count(table.Refused + table.Counter(row))
	}
	for row := range sum.closes {
		sum.closes[row] += t.Count(table.Closes + table.Counter(row))
	}
}

func (sum *total) collect(to chan<- prometheus.Metric) {
	for row, reason := range table.RefusedReasons {
		counter(to, refusedDesc, sum.refused[row], reason)
	}
	for row, code := range schema.CountedCloses {
		name := "other"
		if code != 0 {
			name = strconv.Itoa(int(code))
		}
		counter(to, closesDesc, sum.closes[row], name)
	}
}

func gauge(to chan<- prometheus.Metric, d *prometheus.Desc, value uint64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
}

func counter(to chan<- prometheus.Metric, d *prometheus.Desc, value uint64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
}

// metrics is the handler of /metrics.
func metrics(s *supervisor, log *slog.Logger) http.Handler {
	all := prometheus.NewRegistry()
	all.MustRegister(
		collector{s}, s.handovers.stall,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(all, promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ErrorHandling: promhttp.ContinueOnError,
	})
}
