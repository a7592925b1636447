// The stack's timers: a binary heap over a fixed set of timers, so that setting, cancelling and finding the next one
// cost O(log n) and the next deadline is read in one step, for thousands of timers.

import Storage

/// One of the stack's timers.
enum StackTimer: Equatable {
    /// The DHCP client's next step.
    case dhcp(InterfaceID)
    /// The next announcement of an address.
    case claim(InterfaceID)
    /// A card is to be polled although it has not interrupted.
    case device(InterfaceID)
    /// The oldest path MTU is to be forgotten.
    case pathMTU
    /// A datagram's fragments have waited long enough.
    case reassembly(Int)
    case echo(Int)
    case query(Int)
    case neighbour(Int)
    /// A group is to be reported, or left.
    case group(Int)
    /// The oldest connection in TIME-WAIT ends.
    case timeWait
    /// A SYN is answered again.
    case halfOpen(Int)
    /// The next of a connection's own times.
    case connection(Int)

    private static var interfaces: Int { 1 }
    private static var reassemblies: Int { interfaces + 3 * StackLimit.interfaces }
    private static var echoes: Int { reassemblies + StackLimit.reassemblies }
    private static var queries: Int { echoes + StackLimit.echoes }
    private static var neighbours: Int { queries + StackLimit.queries }
    private static var groups: Int { neighbours + StackLimit.neighbours }
    private static var timeWaits: Int { groups + GroupDemand.limit }
    private static var halfOpens: Int { timeWaits + 1 }
    private static var connections: Int { halfOpens + TCPLimit.halfOpen }
    static func count(connections count: Int) -> Int { connections + count }

    /// 0 up to `count(connections:)`.
    var number: Int {
        switch self {
        case .pathMTU: 0
        case .dhcp(let id): Self.interfaces + id.place
        case .claim(let id): Self.interfaces + StackLimit.interfaces + id.place
        case .device(let id): Self.interfaces + 2 * StackLimit.interfaces + id.place
        case .reassembly(let i): Self.reassemblies + i
        case .echo(let i): Self.echoes + i
        case .query(let i): Self.queries + i
        case .neighbour(let i): Self.neighbours + i
        case .group(let i): Self.groups + i
        case .timeWait: Self.timeWaits
        case .halfOpen(let i): Self.halfOpens + i
        case .connection(let i): Self.connections + i
        }
    }

    init(number: Int) {
        switch number {
        case Self.connections...: self = .connection(number - Self.connections)
        case Self.halfOpens...: self = .halfOpen(number - Self.halfOpens)
        case Self.timeWaits: self = .timeWait
        case Self.groups...: self = .group(number - Self.groups)
        case Self.neighbours...: self = .neighbour(number - Self.neighbours)
        case Self.queries...: self = .query(number - Self.queries)
        case Self.echoes...: self = .echo(number - Self.echoes)
        case Self.reassemblies...: self = .reassembly(number - Self.reassemblies)
        case Self.interfaces...:
            let place = number - Self.interfaces
            let id = InterfaceID(place: place % StackLimit.interfaces)
            self =
                place < StackLimit.interfaces ? .dhcp(id) : place < 2 * StackLimit.interfaces ? .claim(id) : .device(id)
        default: self = .pathMTU
        }
    }
}

struct TimerQueue: ~Copyable {
    private struct Entry {
        var deadline = Instant.never
        var timer: Int32 = 0
    }

    static func memoryNeeded(connections: Int) -> Int {
        let count = StackTimer.count(connections: connections)
        return TableMemory.byteCount(Entry.self, count) + TableMemory.byteCount(Int32.self, count)
    }

    /// The heap: no entry is due before its parent, which is at half its index.
    private let heap: Table<Entry>
    /// By timer: its index in the heap; -1: not set.
    private let places: Table<Int32>
    private var count = 0

    init(_ memory: inout TableMemory, connections: Int) {
        heap = memory.table(StackTimer.count(connections: connections)) { Entry() }
        places = memory.table(StackTimer.count(connections: connections)) { -1 }
    }

    /// When the first timer is due.
    var next: Instant { count > 0 ? heap[0].deadline : .never }

    /// When a timer is due.
    func deadline(of timer: StackTimer) -> Instant {
        let place = Int(places[timer.number])
        return place >= 0 ? heap[place].deadline : .never
    }

    /// Sets a timer anew; `never` cancels it.
    @inline(never)
    mutating func set(_ timer: StackTimer, at deadline: Instant) {
        let number = timer.number
        let place = Int(places[number])
        if deadline == .never { return remove(place) }
        guard place >= 0 else {
            count += 1
            return rise(Entry(deadline: deadline, timer: Int32(truncatingIfNeeded: number)), from: count - 1)
        }
        let old = heap[place].deadline
        let entry = Entry(deadline: deadline, timer: Int32(truncatingIfNeeded: number))
        if deadline < old { rise(entry, from: place) } else if deadline > old { sink(entry, from: place) }
    }

    mutating func cancel(_ timer: StackTimer) { remove(Int(places[timer.number])) }

    /// The first timer that is due, which is no longer set then; nil when none is.
    mutating func takeDue(now: Instant) -> StackTimer? {
        guard count > 0, heap[0].deadline <= now else { return nil }
        let number = Int(heap[0].timer)
        remove(0)
        return StackTimer(number: number)
    }

    @inline(never)
    private mutating func remove(_ place: Int) {
        guard place >= 0 else { return }
        places[Int(heap[place].timer)] = -1
        count -= 1
        guard place < count else { return }
        let last = heap[count]
        if place > 0, last.deadline < heap[(place - 1) / 2].deadline {
            rise(last, from: place)
        } else {
            sink(last, from: place)
        }
    }

    private func put(_ entry: Entry, at place: Int) {
        heap[place] = entry
        places[Int(entry.timer)] = Int32(truncatingIfNeeded: place)
    }

    /// Moves a hole up until the entry fits into it.
    private func rise(_ entry: Entry, from start: Int) {
        var hole = start
        while hole > 0 {
            let parent = (hole - 1) / 2
            guard entry.deadline < heap[parent].deadline else { break }
            put(heap[parent], at: hole)
            hole = parent
        }
        put(entry, at: hole)
    }

    /// Moves a hole down until the entry fits into it.
    private func sink(_ entry: Entry, from start: Int) {
        var hole = start
        while true {
            var child = 2 * hole + 1
            guard child < count else { break }
            if child + 1 < count, heap[child + 1].deadline < heap[child].deadline { child += 1 }
            guard heap[child].deadline < entry.deadline else { break }
            put(heap[child], at: hole)
            hole = child
        }
        put(entry, at: hole)
    }
}
