// TIME-WAIT in small records: what is left of a connection for a minute after both sides have closed, so that old
// segments disturb no new connection, and a lost last ACK is sent again (RFC 9293, 3.6.1; RFC 6191).

import Storage

struct TimeWaitRecord: ConnectionRecord {
    var local = Endpoint.unspecified
    var remote = Endpoint.unspecified
    /// SND.NXT and RCV.NXT.
    var sendNext = SequenceNumber(0)
    var receiveNext = SequenceNumber(0)
    var window: UInt16 = 0
    /// TS.Recent and this side's clock; nil: no timestamps.
    var recentTimestamp: UInt32?
    var timestampOffset: UInt32 = 0
    /// `start`: the record is not in use.
    var ends = Instant.start
    var isUsed: Bool { ends != .start }
    var nextInChain: Int16 = -1
    /// In the order of their ends.
    var older: Int16 = -1
    var newer: Int16 = -1
}

struct TimeWaitTable: ~Copyable {
    static var memoryNeeded: Int { ConnectionRecords<TimeWaitRecord>.memoryNeeded(count: TCPLimit.timeWaits) }

    private var records: ConnectionRecords<TimeWaitRecord>
    private var oldest: Int16 = -1
    private var newest: Int16 = -1

    init(_ memory: inout TableMemory, key: UInt64, pages: TablePages) {
        records = ConnectionRecords(&memory, limit: TCPLimit.timeWaits, key: key, pages: pages)
    }

    /// Records in use, and bytes of the pages that the table has taken.
    var count: Int { records.count }
    var byteCount: Int { records.byteCount }

    func find(_ local: Endpoint, _ remote: Endpoint) -> Int? { records.find(local, remote) }

    /// The record at a place that `find` gave.
    subscript(place: Int) -> TimeWaitRecord { records[place] }

    /// A record that is in use at an index from 0 up to `TCPLimit.timeWaits`; nil where there is none.
    func record(_ place: Int) -> TimeWaitRecord? { records.record(place) }

    /// Whether a connection in TIME-WAIT has this port of an address of ours.
    func uses(_ local: Endpoint) -> Bool {
        for place in 0..<records.placeCount where records[place].isUsed && records[place].local.port == local.port {
            let address = records[place].local.address
            if address == local.address || local.address.isUnspecified { return true }
        }
        return false
    }

    /// Adds a record, which ends last; the oldest makes room.
    mutating func insert(_ record: TimeWaitRecord, _ timers: inout TimerQueue) {
        if let old = records.find(record.local, record.remote) { remove(old, &timers) }
        var place = records.insert(record)
        if place == nil, oldest >= 0 {
            remove(Int(oldest), &timers)
            place = records.insert(record)
        }
        guard let place else { return }
        linkNewest(place)
        timers.set(.timeWait, at: firstEnd)
    }

    /// The peer's FIN came again: the time starts anew.
    mutating func restart(_ i: Int, now: Instant, _ timers: inout TimerQueue) {
        unlink(i)
        records[i].ends = now + TCPTime.timeWait
        linkNewest(i)
        timers.set(.timeWait, at: firstEnd)
    }

    mutating func remove(_ place: Int, _ timers: inout TimerQueue) {
        unlink(place)
        records.remove(place)
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
