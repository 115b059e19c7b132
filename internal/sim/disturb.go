package sim

import "time"

// disturb breaks something now and then, until it is calm.
func (w *world) disturb() {
	if w.now >= w.calm {
		return
	}
	power := w.chance(w.plan.power)
	switch {
	case w.chance(w.plan.drain):
		w.count("fault: orderly stop")
		if w.chance(0.5) {
			w.sender.drain()
		} else {
			w.receiver.drain()
		}
	case w.chance(0.25):
		w.crash("sender", power, w.sender.crash)
	case w.chance(0.5):
		w.crash("receiver", power, w.receiver.crash)
	case w.chance(0.5):
		w.count("fault: connection of the sender lost")
		w.sender.disconnect(true)
	default:
		w.count("fault: connection of the receiver lost")
		w.receiver.disconnect()
	}
	w.after(time.Duration(w.rng.ExpFloat64()*float64(w.plan.disturbance)), w.disturb)
}

func (w *world) crash(who string, power bool, crash func(power bool)) {
	if power {
		w.count("fault: power of the " + who + " lost")
	} else {
		w.count("fault: " + who + " killed")
	}
	crash(power)
}

// turned may end a process soon after its core came into another phase: some phases are so short
// that chance alone would hardly meet them.
func (w *world) turned(crash func(power bool)) {
	if w.fault(w.plan.turn, "crash in a new phase") {
		power := w.chance(w.plan.power)
		w.after(w.soon(), func() { crash(power) })
	}
}
