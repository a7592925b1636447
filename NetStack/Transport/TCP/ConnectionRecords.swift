// Small records of connections that are not there yet, or no longer: a table that grows by pages, in which a record is
// found by its pair of addresses.

import Storage

/// What stands in a `ConnectionRecords`.
protocol ConnectionRecord {
    init()
    var local: Endpoint { get }
    var remote: Endpoint { get }
    var isUsed: Bool { get }
    /// In its chain, or in the list of free places; -1 ends it.
    var nextInChain: Int16 { get set }
}

struct ConnectionRecords<Record: ConnectionRecord>: ~Copyable {
    private static var chainCount: Int { 256 }

    static func memoryNeeded(count: Int) -> Int {
        GrowingTable<Record>.memoryNeeded(count: count) + TableMemory.byteCount(Int16.self, chainCount)
    }

    private var records: GrowingTable<Record>
    private let chains: Table<Int16>
    private let key: UInt64
    private var firstFree: Int16 = -1
    /// Records in use.
    private(set) var count = 0

    /// - Parameter key: random; a peer that does not know it cannot make records share one chain.
    init(_ memory: inout TableMemory, limit: Int, key: UInt64, pages: TablePages) {
        records = GrowingTable(&memory, limit: limit, pages: pages)
        chains = memory.table(Self.chainCount) { -1 }
        self.key = key
    }

    /// Places there are: indexes from 0 up to this.
    var placeCount: Int { records.count }

    /// Bytes of the pages that it has taken.
    var byteCount: Int { records.byteCount }

    /// The record at a place that is there; any other place traps.
    subscript(place: Int) -> Record {
        @inline(__always) get { records[place] }
        @inline(__always) nonmutating set { records[place] = newValue }
    }

    /// The record at a place, if it is in use.
    func record(_ place: Int) -> Record? {
        place >= 0 && place < records.count && records[place].isUsed ? records[place] : nil
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

    /// Adds a record that says that it is in use, and returns its place; nil when there are too many, or no memory.
    mutating func insert(_ record: Record) -> Int? {
        if firstFree < 0 { grow() }
        guard firstFree >= 0 else { return nil }
        let i = Int(firstFree)
        firstFree = records[i].nextInChain
        records[i] = record
        let chain = chain(record.local, record.remote)
        records[i].nextInChain = chains[chain]
        chains[chain] = Int16(truncatingIfNeeded: i)
        count += 1
        return i
    }

    private mutating func grow() {
        let start = records.count
        guard records.grow({ Record() }) else { return }
        for i in (start..<records.count).reversed() {
            records[i].nextInChain = firstFree
            firstFree = Int16(truncatingIfNeeded: i)
        }
    }

    /// Frees the place of a record that is in use.
    mutating func remove(_ i: Int) {
        let chain = chain(records[i].local, records[i].remote)
        var at = Int(chains[chain])
        if at == i {
            chains[chain] = records[i].nextInChain
        } else {
            while at >= 0, Int(records[at].nextInChain) != i { at = Int(records[at].nextInChain) }
            if at >= 0 { records[at].nextInChain = records[i].nextInChain }
        }
        records[i] = Record()
        records[i].nextInChain = firstFree
        firstFree = Int16(truncatingIfNeeded: i)
        count -= 1
    }
}
