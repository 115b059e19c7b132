package events

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func lost(n int) int { return -n }

func TestEventsComeInOrder(t *testing.T) {
	var got []int
	q := Start(1000, func(n int) { got = append(got, n) }, lost)
	for n := range 1000 {
		q.Add(n)
	}
	q.Close()
	<-q.Done()
	if len(got) != 1000 || !slices.IsSorted(got) {
		t.Errorf("%d events, in order: %v", len(got), slices.IsSorted(got))
	}
	q.Add(1)
	q.Close()
	if len(got) != 1000 {
		t.Error("an event came after the end")
	}
}

// TestWhatIsDroppedIsSaidInItsPlace: also when no event comes after it.
func TestWhatIsDroppedIsSaidInItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		slow := make(chan struct{})
		q := Start(3, func(n int) {
			got = append(got, n)
			<-slow
		}, lost)
		q.Add(1)
		synctest.Wait() // the listener has the first
		for n := 2; n <= 9; n++ {
			q.Add(n)
		}
		slow <- struct{}{} // it takes 2; 3 and 4 wait, 5 are missing, and there is room for one
		synctest.Wait()
		for n := 10; n <= 14; n++ {
			q.Add(n)
		}
		close(slow)
		synctest.Wait()
		if want := []int{1, 2, 3, 4, -5, 10, -4}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		q.Close()
		<-q.Done()
	})
}

// TestListenerThatHangsHoldsUpNobody: neither those who report nor Close.
func TestListenerThatHangsHoldsUpNobody(t *testing.T) {
	hang := make(chan struct{})
	q := Start(10, func(int) { <-hang }, lost)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for n := range 1000 {
				q.Add(n)
			}
		})
	}
	all.Wait()
	q.Close()
	close(hang)
	<-q.Done()
}

// TestQueueThatIsNeverEmptyStaysSmall: the listener is always a little behind.
func TestQueueThatIsNeverEmptyStaysSmall(t *testing.T) {
	next := make(chan struct{})
	q := Start(8, func(int) { <-next }, lost)
	for n := range 3 {
		q.Add(n)
	}
	for n := range 100_000 {
		next <- struct{}{}
		q.Add(n)
	}
	q.mu.Lock()
	size := cap(q.waiting)
	q.mu.Unlock()
	if size > 64 {
		t.Errorf("room for %d events, at most 8 wait", size)
	}
	q.Close()
	close(next)
	<-q.Done()
}

func TestNobodyListens(t *testing.T) {
	q := Start[int](1, nil, lost)
	q.Add(1)
	q.Close()
	<-q.Done()
}
