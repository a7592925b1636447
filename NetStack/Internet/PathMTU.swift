// What routers said about the largest packet that gets through to a destination (RFC 1191): a small table that forgets.
//
// Promise: a limit is never raised by a message, never under 552 bytes, and forgotten after ten minutes; a flood of forged messages costs
// at most eight entries.

struct PathMTUTable {
    static var capacity: Int { 8 }
    /// RFC 1191, 6.3: so long until a larger size may be tried.
    static var lifetime: Duration { .seconds(600) }
    /// What is believed at least: 68 would be legal, and only useful to somebody who wants us busy with fragments.
    static var least: Int { 552 }

    private struct Entry {
        var destination = IPv4Address.any
        var limit = Int.max
        var expires = Instant.start
    }

    private var entries = InlineArray<8, Entry>(repeating: Entry())
    private(set) var isEmpty = true

    /// The most bytes of a packet there, as far as anybody said.
    @inline(never)
    func limit(to destination: IPv4Address) -> Int {
        for i in 0..<Self.capacity where entries[i].destination == destination { return entries[i].limit }
        return .max
    }

    /// A router said that `limit` bytes are the most. The entry that would expire first makes room.
    mutating func lower(_ destination: IPv4Address, to limit: Int, now: Instant) {
        var place = 0
        for i in 0..<Self.capacity {
            if entries[i].destination == destination {
                place = i
                break
            }
            if entries[i].expires < entries[place].expires { place = i }
        }
        let known = entries[place].destination == destination ? entries[place].limit : .max
        entries[place] = Entry(destination: destination, limit: max(Self.least, min(limit, known)), expires: now + Self.lifetime)
        isEmpty = false
    }

    /// Forgets what is too old.
    mutating func tick(now: Instant) {
        guard !isEmpty else { return }
        isEmpty = true
        for i in 0..<Self.capacity where entries[i].destination != .any {
            if now >= entries[i].expires { entries[i] = Entry() } else { isEmpty = false }
        }
    }
}
