package sim

// journal is a file of records that were written in order; those up to synced are durable.
type journal[record any] struct {
	records []record
	synced  int
}

func (j *journal[record]) append(r record) { j.records = append(j.records, r) }

func (j *journal[record]) sync() { j.synced = len(j.records) }

func (j *journal[record]) last() record { return j.records[len(j.records)-1] }

func (j *journal[record]) losePower(w *world) {
	j.records = j.records[:j.synced+w.rng.IntN(len(j.records)-j.synced+1)]
}
