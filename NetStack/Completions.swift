// What completed: one list for everything that a thread may wait for. The caller takes the completions off it and wakes
// exactly the threads that wait for them.

import Storage

/// Something that a thread may wait for has happened.
public enum Completion: Equatable, Sendable {
    /// An echo request was answered or has failed: `takeEcho`.
    case echo(Int)
    /// A name query has ended: `takeQuery`.
    case query(Int)
    /// The DHCP state or the lease of an interface has changed.
    case lease(InterfaceID)
    /// The link of an interface went or came.
    case link(InterfaceID)
    /// The card of an interface has room for another datagram.
    case room(InterfaceID)
    /// The rings of a program that holds the card of an interface have frames for it, or the card has room for theirs.
    case rings(InterfaceID)
    /// A socket has become readable or writable, or an error is to be reported.
    case socket(Int)

    private static var queries: Int { StackLimit.echoes }
    private static var leases: Int { queries + StackLimit.queries }
    private static var links: Int { leases + StackLimit.interfaces }
    private static var rooms: Int { links + StackLimit.interfaces }
    private static var rings: Int { rooms + StackLimit.interfaces }
    private static var sockets: Int { rings + StackLimit.interfaces }

    static func count(sockets count: Int) -> Int { sockets + count }

    @inline(__always) var number: Int {
        switch self {
        case .echo(let i): i
        case .query(let i): Self.queries + i
        case .lease(let id): Self.leases + id.place
        case .link(let id): Self.links + id.place
        case .room(let id): Self.rooms + id.place
        case .rings(let id): Self.rings + id.place
        case .socket(let i): Self.sockets + i
        }
    }

    init(number: Int) {
        switch number {
        case Self.sockets...: self = .socket(number - Self.sockets)
        case Self.rings...: self = .rings(InterfaceID(place: number - Self.rings))
        case Self.rooms...: self = .room(InterfaceID(place: number - Self.rooms))
        case Self.links...: self = .link(InterfaceID(place: number - Self.links))
        case Self.leases...: self = .lease(InterfaceID(place: number - Self.leases))
        case Self.queries...: self = .query(number - Self.queries)
        default: self = .echo(number)
        }
    }
}

/// A ring that has room for every completion there can be: each stands in it once at most.
struct CompletionList: ~Copyable {
    private let ring: Table<UInt16>
    private let isListed: Table<Bool>
    private var first = 0
    private var count = 0

    static func memoryNeeded(sockets: Int) -> Int {
        let count = Completion.count(sockets: sockets)
        return TableMemory.byteCount(UInt16.self, count) + TableMemory.byteCount(Bool.self, count)
    }

    init(_ memory: inout TableMemory, sockets: Int) {
        ring = memory.table(Completion.count(sockets: sockets)) { 0 }
        isListed = memory.table(Completion.count(sockets: sockets)) { false }
    }

    @inline(__always) var isEmpty: Bool { count == 0 }

    /// Adds a completion, unless it is on the list already.
    mutating func append(_ completion: Completion) {
        let number = completion.number
        guard !isListed[number] else { return }
        isListed[number] = true
        let place = first + count
        ring[place < ring.count ? place : place - ring.count] = UInt16(truncatingIfNeeded: number)
        count += 1
    }

    mutating func removeFirst() -> Completion? {
        guard count > 0 else { return nil }
        let number = Int(ring[first])
        first = first + 1 < ring.count ? first + 1 : 0
        count -= 1
        isListed[number] = false
        return Completion(number: number)
    }
}

extension NetStack where Device: ~Copyable {
    public var hasCompletions: Bool { !completions.isEmpty }

    /// The oldest completion that was not taken yet; nil when there is none.
    public mutating func takeCompletion() -> Completion? { completions.removeFirst() }
}
