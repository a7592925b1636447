// All connections of a stack: their records, found by their addresses, and the listeners, found by their ports.

import Storage

/// What happened to all connections together, since the start.
public struct TCPCounters: Sendable {
    public internal(set) var activeOpens: UInt64 = 0
    public internal(set) var passiveOpens: UInt64 = 0
    public internal(set) var failedAttempts: UInt64 = 0
    public internal(set) var resetsReceived: UInt64 = 0
    public internal(set) var resetsSent: UInt64 = 0
    public internal(set) var segmentsIn: UInt64 = 0
    public internal(set) var segmentsOut: UInt64 = 0
    public internal(set) var retransmissions: UInt64 = 0
    public internal(set) var timeouts: UInt64 = 0
    public internal(set) var cookiesSent: UInt64 = 0
    public internal(set) var cookiesTaken: UInt64 = 0
    public internal(set) var backlogFull: UInt64 = 0
}

struct TCPTable: ~Copyable {
    private static var chainCount: Int { 1024 }
    private static var listenerChainCount: Int { 64 }

    /// Connections of so many sockets: some outlive theirs.
    static func limit(sockets: Int) -> Int { min(32_000, sockets + sockets / 4) }

    static func memoryNeeded(sockets: Int) -> Int {
        GrowingTable<TCPConnection>.memoryNeeded(count: limit(sockets: sockets))
            + TableMemory.byteCount(Int16.self, chainCount) + TableMemory.byteCount(Int16.self, listenerChainCount)
            + ConnectionRecords<HalfOpen>.memoryNeeded(count: TCPLimit.halfOpen) + TimeWaitTable.memoryNeeded
    }

    var connections: GrowingTable<TCPConnection>
    private let chains: Table<Int16>
    private let listeners: Table<Int16>
    private var firstFree: Int16 = -1
    var halfOpen: ConnectionRecords<HalfOpen>
    var timeWaits: TimeWaitTable
    /// Chooses the chain of a pair of addresses, initial sequence numbers, clocks and ports.
    let secret: KeyedHash
    let cookies: SYNCookies
    var counters = TCPCounters()
    var challengeLimiter = ChallengeLimiter()
    /// Connections that wait for room in a card, the first one.
    var firstStalled: Int16 = -1
    /// Added to the ports that are chosen for connections.
    var nextPort: UInt16 = 0

    init(
        _ memory: inout TableMemory, sockets: Int, _ random: inout RandomGenerator,
        pages: TablePages
    ) {
        connections = GrowingTable(&memory, limit: Self.limit(sockets: sockets), pages: pages)
        chains = memory.table(Self.chainCount) { -1 }
        listeners = memory.table(Self.listenerChainCount) { -1 }
        halfOpen = ConnectionRecords(&memory, limit: TCPLimit.halfOpen, key: random.number(), pages: pages)
        timeWaits = TimeWaitTable(&memory, key: random.number(), pages: pages)
        secret = KeyedHash(&random)
        cookies = SYNCookies(KeyedHash(&random))
    }

    @inline(__always)
    subscript(i: Int) -> Ref<TCPConnection> { connections.ref(i) }

    // MARK: Records

    /// A fresh record; nil when there are too many, or no memory.
    mutating func take() -> Int? {
        if firstFree < 0 {
            let start = connections.count
            guard connections.grow({ TCPConnection() }) else { return nil }
            for i in (start..<connections.count).reversed() {
                connections.ref(i).value.nextInChain = firstFree
                firstFree = Int16(truncatingIfNeeded: i)
            }
        }
        let i = Int(firstFree)
        let record = connections.ref(i)
        firstFree = record.value.nextInChain
        record.value.nextInChain = -1
        record.value.isUsed = true
        return i
    }

    /// Gives a record back, which is in no chain.
    mutating func free(_ i: Int) {
        let record = connections.ref(i)
        record.value = TCPConnection()
        record.value.nextInChain = firstFree
        firstFree = Int16(truncatingIfNeeded: i)
    }

    // MARK: Connections by their addresses

    /// A number that only this stack can foretell, for a pair of endpoints.
    func hash(_ local: Endpoint, _ remote: Endpoint, _ purpose: UInt64) -> UInt64 {
        let ports = UInt64(local.port) << 16 | UInt64(remote.port)
        return secret(
            local.address.high ^ local.address.low, remote.address.high &+ remote.address.low, purpose << 32 | ports)
    }

    @inline(__always)
    private func chain(_ local: Endpoint, _ remote: Endpoint) -> Int {
        let ports = UInt64(local.port) << 16 | UInt64(remote.port)
        return Int(truncatingIfNeeded: remote.address.hash(chainKey ^ ports) >> 54)
    }

    private var chainKey: UInt64 { secret.first }

    @inline(__always)
    func find(_ local: Endpoint, _ remote: Endpoint) -> Int? {
        var i = Int(chains[chain(local, remote)])
        while i >= 0 {
            let record = connections.ref(i)
            if record.value.local.port == local.port, record.value.remote == remote,
                record.value.local.address == local.address
            {
                return i
            }
            i = Int(record.value.nextInChain)
        }
        return nil
    }

    mutating func insert(_ i: Int) {
        let record = connections.ref(i)
        let chain = chain(record.value.local, record.value.remote)
        record.value.nextInChain = chains[chain]
        chains[chain] = Int16(truncatingIfNeeded: i)
    }

    /// Takes a connection out of its chain; does nothing when it is in none.
    mutating func remove(_ i: Int) {
        let record = connections.ref(i)
        remove(i, from: chains, chain(record.value.local, record.value.remote))
    }

    private func remove(_ i: Int, from chains: Table<Int16>, _ chain: Int) {
        let record = connections.ref(i)
        var at = Int(chains[chain])
        if at == i {
            chains[chain] = record.value.nextInChain
            record.value.nextInChain = -1
            return
        }
        while at >= 0 {
            let next = Int(connections.ref(at).value.nextInChain)
            if next == i {
                connections.ref(at).value.nextInChain = record.value.nextInChain
                record.value.nextInChain = -1
                return
            }
            at = next
        }
    }

    // MARK: Listeners by their ports

    private func listenerChain(_ port: UInt16) -> Int { Int(port ^ port >> 6) & (Self.listenerChainCount - 1) }

    mutating func insertListener(_ i: Int) {
        let chain = listenerChain(connections.ref(i).value.local.port)
        connections.ref(i).value.nextInChain = listeners[chain]
        listeners[chain] = Int16(truncatingIfNeeded: i)
    }

    mutating func removeListener(_ i: Int) {
        remove(i, from: listeners, listenerChain(connections.ref(i).value.local.port))
    }

    /// The listener for an address of ours: bound to it before bound to any.
    func findListener(_ local: Endpoint) -> Int? {
        var best: Int?
        var i = Int(listeners[listenerChain(local.port)])
        while i >= 0 {
            let record = connections.ref(i)
            if record.value.local.port == local.port {
                if record.value.local.address == local.address { return i }
                if record.value.local.address.isUnspecified { best = i }
            }
            i = Int(record.value.nextInChain)
        }
        return best
    }

    // MARK: Ports

    /// Whether a socket may not be bound there: another one has the port, or a connection in TIME-WAIT does
    /// (SO_REUSEADDR of both, and no listener, allows it).
    func isTaken(_ local: Endpoint, but own: Int) -> Bool {
        let reuses = connections.ref(own).value.options.reusesAddress
        for i in 0..<connections.count where i != own {
            let other = connections.ref(i)
            guard other.value.isUsed, other.value.local.port == local.port, other.value.state != .timeWait else {
                continue
            }
            let address = other.value.local.address
            guard address == local.address || address.isUnspecified || local.address.isUnspecified else { continue }
            if !reuses || !other.value.options.reusesAddress || other.value.state == .listen { return true }
        }
        return !reuses && timeWaits.uses(local)
    }
}

/// Challenge ACKs (RFC 5961, 7): so many a second, and no more.
struct ChallengeLimiter {
    private var second: UInt64 = 0
    private var sent = 0

    mutating func allows(now: Instant) -> Bool {
        let current = now.nanoseconds / 1_000_000_000
        if current != second {
            second = current
            sent = 0
        }
        sent += 1
        return sent <= TCPLimit.challenges
    }
}
