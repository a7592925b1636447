// What routers said about the largest packet that gets through to a destination (RFC 1191): a small table that forgets.
//
// Promise: a limit is never raised by a message, never under 552 bytes, and forgotten after ten minutes; a flood of
// forged messages costs at most eight entries.

import Storage

struct PathMTUTable: ~Copyable {
    /// RFC 1191, 6.3: so long until a larger size may be tried.
    static var lifetime: Duration { .seconds(600) }
    /// The smallest limit that is accepted. 68 would be legal, and is only useful to keep a host busy with fragments.
    static var least: Int { 552 }

    private struct Entry {
        /// `::`: free.
        var destination = IPAddress.unspecified
        var limit = Int.max
        var expires = Instant.start
    }

    static var memoryNeeded: Int { TableMemory.byteCount(Entry.self, StackLimit.pathMTUs) }

    private let entries: Table<Entry>
    private(set) var isEmpty = true

    init(_ memory: inout TableMemory) { entries = memory.table(StackLimit.pathMTUs) { Entry() } }

    /// The most bytes of a packet there, as far as a router has said.
    @inline(never)
    func limit(to destination: IPAddress) -> Int {
        for i in 0..<entries.count where entries[i].destination == destination { return entries[i].limit }
        return .max
    }

    /// A router said that `limit` bytes are the most. The entry that would expire first makes room.
    mutating func lower(_ destination: IPAddress, to limit: Int, now: Instant, _ timers: inout TimerQueue) {
        var place = 0
        for i in 0..<entries.count {
            if entries[i].destination == destination {
                place = i
                break
            }
            if entries[i].expires < entries[place].expires { place = i }
        }
        let known = entries[place].destination == destination ? entries[place].limit : .max
        entries[place] = Entry(
            destination: destination, limit: max(Self.least, min(limit, known)), expires: now + Self.lifetime)
        isEmpty = false
        timers.set(.pathMTU, at: firstExpiry)
    }

    /// When the first entry expires.
    private var firstExpiry: Instant {
        var first = Instant.never
        for i in 0..<entries.count where !entries[i].destination.isUnspecified {
            first = min(first, entries[i].expires)
        }
        return first
    }

    /// Forgets what is too old.
    mutating func expire(now: Instant, _ timers: inout TimerQueue) {
        for i in 0..<entries.count where now >= entries[i].expires { entries[i] = Entry() }
        let next = firstExpiry
        isEmpty = next == .never
        timers.set(.pathMTU, at: next)
    }
}
