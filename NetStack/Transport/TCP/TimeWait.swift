// TIME-WAIT in small records: what is left of a connection for a minute after both sides have closed, so that old
// segments disturb no new connection, and a lost last ACK is sent again (RFC 9293, 3.6.1; RFC 6191).

import Storage

struct TimeWaitRecord {
    var local = Endpoint.unspecified
    var remote = Endpoint.unspecified
    /// SND.NXT and RCV.NXT.
    var sendNext = SequenceNumber(0)
    var receiveNext = SequenceNumber(0)
    var window: UInt16 = 0
    /// TS.Recent and this side's clock; nil: no timestamps.
    var recentTimestamp: UInt32?
    var timestampOffset: UInt32 = 0
    var ends = Instant.start
    var isUsed = false
    var nextInChain: Int16 = -1
    /// In the order of their ends.
    var older: Int16 = -1
    var newer: Int16 = -1
}

struct TimeWaitTable: ~Copyable {
    private static var chainCount: Int { 256 }
    static var memoryNeeded: Int {
        GrowingTable<TimeWaitRecord>.memoryNeeded(count: TCPLimit.timeWaits)
            + TableMemory.byteCount(Int16.self, chainCount)
    }

    private var records: GrowingTable<TimeWaitRecord>
    private let key: UInt64
    private let chains: Table<Int16>
    private var firstFree: Int16 = -1
    private var oldest: Int16 = -1
    private var newest: Int16 = -1
    private(set) var count = 0

    /// - Parameter key: random; a peer that does not know it cannot make records share one chain.
    init(_ memory: inout TableMemory, key: UInt64, page: @escaping () -> UnsafeMutableRawPointer?) {
        records = unsafe GrowingTable(&memory, limit: TCPLimit.timeWaits, page: page)
        chains = memory.table(Self.chainCount) { -1 }
        self.key = key
    }

    private func chain(_ local: Endpoint, _ remote: Endpoint) -> Int {
        Int(truncatingIfNeeded: remote.address.hash(key ^ UInt64(local.port) << 16 | UInt64(remote.port)) >> 56)
    }

    /// A record's place; nil when there is none.
    func find(_ local: Endpoint, _ remote: Endpoint) -> Int? {
        guard count > 0 else { return nil }
        var i = Int(chains[chain(local, remote)])
        while i >= 0 {
            if records[i].local == local, records[i].remote == remote { return i }
            i = Int(records[i].nextInChain)
        }
        return nil
    }

    subscript(i: Int) -> TimeWaitRecord { records[i] }

    /// A record that is in use at an index from 0 up to `TCPLimit.timeWaits`; nil where there is none.
    func record(_ i: Int) -> TimeWaitRecord? { i >= 0 && i < records.count && records[i].isUsed ? records[i] : nil }

    func uses(_ local: Endpoint) -> Bool {
        guard count > 0 else { return false }
        for i in 0..<records.count where records[i].isUsed && records[i].local.port == local.port {
            let address = records[i].local.address
            if address == local.address || local.address.isUnspecified { return true }
        }
        return false
    }

    private mutating func grow() {
        let start = records.count
        guard records.grow({ TimeWaitRecord() }) else { return }
        for i in (start..<records.count).reversed() {
            records[i].nextInChain = firstFree
            firstFree = Int16(truncatingIfNeeded: i)
        }
    }

    /// Adds a record, which ends last; the oldest makes room.
    mutating func insert(_ record: TimeWaitRecord, _ timers: inout TimerQueue) {
        if let old = find(record.local, record.remote) { remove(old, &timers) }
        if firstFree < 0 { grow() }
        if firstFree < 0, oldest >= 0 { remove(Int(oldest), &timers) }
        guard firstFree >= 0 else { return }
        let i = Int(firstFree)
        firstFree = records[i].nextInChain
        records[i] = record
        records[i].isUsed = true
        let chain = chain(record.local, record.remote)
        records[i].nextInChain = chains[chain]
        chains[chain] = Int16(truncatingIfNeeded: i)
        count += 1
        linkNewest(i)
        timers.set(.timeWait, at: firstEnd)
    }

    /// The peer's FIN came again: the time starts anew.
    mutating func restart(_ i: Int, now: Instant, _ timers: inout TimerQueue) {
        unlink(i)
        records[i].ends = now + TCPTime.timeWait
        linkNewest(i)
        timers.set(.timeWait, at: firstEnd)
    }

    mutating func remove(_ i: Int, _ timers: inout TimerQueue) {
        unlink(i)
        let chain = chain(records[i].local, records[i].remote)
        var at = Int(chains[chain])
        if at == i {
            chains[chain] = records[i].nextInChain
        } else {
            while at >= 0, Int(records[at].nextInChain) != i { at = Int(records[at].nextInChain) }
            if at >= 0 { records[at].nextInChain = records[i].nextInChain }
        }
        records[i] = TimeWaitRecord()
        records[i].nextInChain = firstFree
        firstFree = Int16(truncatingIfNeeded: i)
        count -= 1
        timers.set(.timeWait, at: firstEnd)
    }

    mutating func expire(now: Instant, _ timers: inout TimerQueue) {
        while oldest >= 0, records[Int(oldest)].ends <= now { remove(Int(oldest), &timers) }
        timers.set(.timeWait, at: firstEnd)
    }

    private var firstEnd: Instant { oldest >= 0 ? records[Int(oldest)].ends : .never }

    private mutating func linkNewest(_ i: Int) {
        records[i].older = newest
        records[i].newer = -1
        if newest >= 0 {
            records[Int(newest)].newer = Int16(truncatingIfNeeded: i)
        } else {
            oldest = Int16(truncatingIfNeeded: i)
        }
        newest = Int16(truncatingIfNeeded: i)
    }

    private mutating func unlink(_ i: Int) {
        let (older, newer) = (records[i].older, records[i].newer)
        if older >= 0 { records[Int(older)].newer = newer } else { oldest = newer }
        if newer >= 0 { records[Int(newer)].older = older } else { newest = older }
    }
}
