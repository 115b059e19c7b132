package main

import "math"

// median is of one property of all samples.
func median(samples []sample, of func(sample) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	return spreadOf(values).Median
}

func rate(m *measurement, all []sample) float64 {
	return median(all, func(s sample) float64 { return rateOf(m.bed.size, s.Seconds) })
}

func seconds(_ *measurement, all []sample) float64 {
	return median(all, func(s sample) float64 { return s.Seconds })
}

// processorBound is the rate at which all processors together could do what was done.
func processorBound(m *measurement, all []sample) float64 {
	return float64(m.cores) * rateOf(m.bed.size, median(all, func(s sample) float64 { return s.CPU }))
}

func processorTime(m *measurement, all []sample) float64 {
	return median(all, func(s sample) float64 { return s.CPU }) * (1 << 30) / float64(m.bed.size)
}

// known is the median of what no sample leaves untold: a system without /proc says 0, the meter of too
// small a file says less. NaN is not measured.
func known(all []sample, told func(sample) bool, of func(sample) float64) float64 {
	for _, s := range all {
		if !told(s) {
			return math.NaN()
		}
	}
	return median(all, of)
}

func memory(_ *measurement, all []sample) float64 {
	return known(all, func(s sample) bool { return s.PeakMemory > 0 }, func(s sample) float64 { return float64(s.PeakMemory) / mib })
}

func reread(_ *measurement, all []sample) float64 {
	return known(all, func(s sample) bool { return s.Read > 0 }, func(s sample) float64 { return float64(s.Reread) / mib })
}

// allocations counts whole ones, as testing.AllocsPerRun does: what comes once in many frames, such as a
// checkpoint, is not one of a frame.
func allocations(_ *measurement, all []sample) float64 {
	return math.Floor(known(all, func(s sample) bool { return s.AllocsPerFrame >= 0 }, func(s sample) float64 { return s.AllocsPerFrame }))
}

// collections are those of a transfer that flows. A process grows its memory from nothing with three or four,
// whatever it sends.
func collections(_ *measurement, all []sample) float64 {
	return known(all, func(s sample) bool { return s.GCsPerGiB >= 0 }, func(s sample) float64 { return s.GCsPerGiB })
}

// others is how much of all processors was not ours meanwhile: other programs, and what the kernel wrote
// back for us.
func others(m *measurement, all []sample) float64 {
	return median(all, func(s sample) float64 { return max(0, s.Busy-s.CPU) / s.Seconds / float64(m.cores) })
}
