// What is going to happen, in the order of virtual time: a binary heap. Events of one instant keep the order in which
// they were scheduled.

/// A thing that happens at an instant.
@safe struct Event {
    enum Kind: UInt8 {
        /// A frame arrives at the switch, from this port.
        case atSwitch
        /// A frame arrives at the station on this port.
        case atStation
        /// The station on this port wanted to be called.
        case wake
    }

    let time: UInt64
    let sequence: UInt64
    let kind: Kind
    let port: Int32
    /// Held by the queue while the event is in it: a heap moves its elements a lot, and counting references each time
    /// would cost most.
    fileprivate let held: Unmanaged<Frame>?

    @inline(__always)
    func isBefore(_ other: Event) -> Bool { time != other.time ? time < other.time : sequence < other.sequence }
}

struct EventQueue: ~Copyable {
    private var heap: [Event] = []
    private var scheduled: UInt64 = 0

    var count: Int { heap.count }
    /// When the next event happens; nil: never.
    var nextTime: UInt64? { heap.first?.time }

    mutating func schedule(_ kind: Event.Kind, port: Int, frame: Frame? = nil, at time: UInt64) {
        scheduled += 1
        let held = unsafe frame.map { unsafe Unmanaged.passRetained($0) }  // released when the event leaves
        let event = unsafe Event(time: time, sequence: scheduled, kind: kind, port: Int32(port), held: held)
        var hole = heap.count
        heap.append(event)
        while hole > 0 {
            let parent = (hole - 1) / 2
            guard event.isBefore(heap[parent]) else { break }
            heap.swapAt(hole, parent)
            hole = parent
        }
    }

    /// The next event and its frame.
    mutating func removeFirst() -> (event: Event, frame: Frame?)? {
        guard let event = popFirst() else { return nil }
        return (event, unsafe event.held?.takeRetainedValue())  // the queue has let go of the event: once
    }

    private mutating func popFirst() -> Event? {
        guard let last = heap.popLast() else { return nil }
        guard let first = heap.first else { return last }
        heap[0] = last
        var hole = 0
        while true {
            var child = 2 * hole + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
            guard heap[child].isBefore(heap[hole]) else { break }
            heap.swapAt(hole, child)
            hole = child
        }
        return first
    }

    deinit {
        for event in heap { unsafe event.held?.release() }  // those that never left
    }
}
