package resource_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/resource"
)

func TestEventsTellTheWholeStoryInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		c := newCluster(t)
		c.set("app Offline", errors.New("busy"))
		g, err := resource.NewGroup(resource.Options{OnEvent: func(e resource.Event) {
			time.Sleep(time.Second) // a slow listener delays nothing but the end of Run
			got = append(got, fmt.Sprintf("%s %v %v %v", e.Resource, e.From, e.To, e.Err))
		}}, resource.Spec{Name: "app", Resource: c.resource("app")})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if err := g.Run(ctx, func() { got = append(got, "all online"); cancel() }); err != nil {
			t.Error(err)
		}
		want := []string{"app Offline OnlinePending <nil>", "app OnlinePending Online <nil>", "all online",
			"app Online OfflinePending <nil>", "app OfflinePending OfflinePending busy", "app OfflinePending Offline busy"}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

func TestSlowListenerLosesTheOldestEventsAndIsToldHowMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		heard, dropped, online := 0, 0, false
		c := newCluster(t)
		g, err := resource.NewGroup(resource.Options{OnEvent: func(e resource.Event) {
			<-release
			heard++
			dropped += e.Dropped
		}}, resource.Spec{Name: "app", Resource: c.resource("app")})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx, func() { online = true }) }()
		synctest.Wait()
		const wishes = 600
		for k := range wishes {
			if err := g.SetWanted("app", k%2 == 1); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if all := 2 + 2*wishes + 2; heard+dropped != all || dropped == 0 || !online {
			t.Errorf("heard %d and dropped %d of %d events, told online: %v", heard, dropped, all, online)
		}
	})
}
