package resource_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mqha/mqha/resource"
)

// layers makes n resources that cost nothing, in layers, each of which needs three of the layer below.
func layers(n, deep int) []resource.Spec {
	var specs []resource.Spec
	wide := n / deep
	name := func(layer, i int) string { return fmt.Sprintf("%d-%d", layer, i%wide) }
	for layer := range deep {
		for i := range wide {
			s := resource.Spec{Name: name(layer, i), Resource: resource.Funcs{}}
			if layer > 0 {
				s.After = [][]string{{name(layer-1, i)}, {name(layer-1, i+7)}, {name(layer-1, i+31), name(layer-1, i+53)}}
			}
			specs = append(specs, s)
		}
	}
	return specs
}

// BenchmarkThousandOnlineAndOffline brings a group of resources that do nothing online and offline:
// what is left is the group's own time.
func BenchmarkThousandOnlineAndOffline(b *testing.B) {
	b.ReportAllocs()
	var took []time.Duration
	specs := layers(1000, 10)
	for b.Loop() {
		g, err := resource.NewGroup(resource.Options{}, specs...)
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		begun := time.Now()
		if err := g.Run(ctx, cancel); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2])/1e6, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100])/1e6, "p99-ms")
	b.ReportMetric(float64(len(took)), "n")
}
