// The queue of those that wait to be accepted: a listener's established connections, in the order of their last ACKs.

import Storage

extension NetStack where Device: ~Copyable {
    /// Puts an established connection at the end of its listener's queue.
    mutating func appendToBacklog(_ i: Int, of listener: Int) {
        let record = tcp[listener]
        if record.value.lastWaiting >= 0 {
            tcp[Int(record.value.lastWaiting)].value.nextWaiting = Int16(truncatingIfNeeded: i)
        } else {
            record.value.firstWaiting = Int16(truncatingIfNeeded: i)
        }
        record.value.lastWaiting = Int16(truncatingIfNeeded: i)
        record.value.waitingCount += 1
    }

    /// Takes a connection out of its listener's queue, in which it is.
    mutating func removeFromBacklog(_ i: Int) {
        let listener = tcp[tcp[i].value.listener]
        var before: Int16 = -1
        var at = listener.value.firstWaiting
        while at >= 0, Int(at) != i {
            before = at
            at = tcp[Int(at)].value.nextWaiting
        }
        guard at >= 0 else { return }
        let next = tcp[i].value.nextWaiting
        if before >= 0 { tcp[Int(before)].value.nextWaiting = next } else { listener.value.firstWaiting = next }
        if listener.value.lastWaiting == at { listener.value.lastWaiting = before }
        listener.value.waitingCount -= 1
        tcp[i].value.nextWaiting = -1
        tcp[i].value.listener = -1
    }
}
