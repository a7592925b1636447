// The stub resolver (RFC 1034, 5.3.1; RFC 1123, 6.1): questions under way, and a cache of answers for as long as they
// hold.
//
// Promise: an answer is taken only from the server that was asked, to the random port and with the random identifier of
// this question (RFC 5452); servers are asked in turn, the one that answered last first, with growing pauses, and at
// most `tries` times; an answer that comes late counts as long as the question is open; the cache is bounded and honours
// every TTL, those of negative answers too (RFC 2308).

import Storage

/// Why there is no address.
public enum ResolveError: Error, Equatable {
    /// No interface's lease names a server, and none was named by hand.
    case noServer
    case malformedName, tooManyQueries
    /// The servers say that there is no such name.
    case notFound
    /// There is such a name, and it has no address.
    case noAddress
    case timedOut
    /// The servers have no answer, and do not deny the name.
    case serverFailure
    /// The answer does not fit a datagram, and did not come over TCP.
    case truncated
}

public enum ResolverTime {
    /// The first pause; each round of all servers doubles it.
    public static var firstPause: Duration { .seconds(1) }
    public static var tries: Int { 6 }
    /// How long an answer over TCP may take, connecting included.
    public static var streamLimit: Duration { .seconds(5) }
    /// However long a server says that an answer holds (RFC 8767, 4: a week at most; here a day), and that there is none
    /// (RFC 2308, 5: one to three hours).
    public static var longestLife: Duration { .seconds(86_400) }
    public static var longestNegativeLife: Duration { .seconds(3600) }
}

/// A question under way.
struct NameQuery: ~Copyable {
    enum State: Equatable { case free, waiting, found, failed(ResolveError) }

    var state = State.free
    /// As the caller wrote it, made absolute; the key of the cache.
    var name = DNSName()
    /// What is asked for at the moment: with the search domain, or an alias.
    var current = DNSName()
    /// The search domain that is tried after this; nil: the name stands alone.
    var searchIndex: Int?
    var aliases = 0
    /// By server: its question's identifier. A server that is asked again gets the same question from the same port, so
    /// that a late answer counts, and a forger has one pair to guess.
    var identifiers = InlineArray<3, UInt16>(repeating: 0)
    /// Bit i: server i was asked, and its socket is open.
    var asked: UInt8 = 0
    var transmissions = 0
    /// The server that is asked over TCP, if one is, and whether the question is on its way there.
    var streamServer: Int?
    var hasAskedByStream = false
    /// What the servers said that had no answer.
    var failure = ResolveError.timedOut
    /// A name on the search list was there, without an address.
    var isKnown = false
    var addresses = AddressList()
    var timeToLive: UInt32 = 0
    /// As long as the aliases on the way hold.
    var aliasLife = UInt32.max
}

struct CachedName: ~Copyable {
    var name = DNSName()
    var canonical = DNSName()
    /// Empty: there are none, for the reason that `error` gives.
    var addresses = AddressList()
    var error = ResolveError.notFound
    /// Passed: the entry is free.
    var expires = Instant.start
}

struct Resolver: ~Copyable {
    static var cacheLimit: Int { 32 }
    static var memoryNeeded: Int {
        TableMemory.byteCount(NameQuery.self, StackLimit.queries) + TableMemory.byteCount(CachedName.self, cacheLimit)
            + TableMemory.byteCount(UInt8.self, DNSField.streamLimit)
    }

    let queries: Table<NameQuery>
    let cache: Table<CachedName>
    /// Where an answer that came over TCP is put together to be read.
    let answer: Table<UInt8>
    /// Something has come for the queries' sockets.
    var hasInput = false
    /// Servers by hand, which count before those of leases.
    var servers = DHCPServers()
    /// The server that answered last: it is asked first, as long as it is one of those known.
    var good = IPv4Address.any

    init(_ memory: inout TableMemory) {
        queries = memory.table(StackLimit.queries) { NameQuery() }
        cache = memory.table(Self.cacheLimit) { CachedName() }
        answer = memory.table(DNSField.streamLimit) { 0 }
    }

    func find(_ name: borrowing DNSName, now: Instant) -> Int? {
        for i in 0..<cache.count where cache[i].expires > now && cache[i].name == name { return i }
        return nil
    }

    /// Remembers how a query ended, with `error` when it has no addresses; the entry that expires first makes room.
    @inline(never)
    mutating func remember(_ query: Int, _ error: ResolveError, life: Duration, now: Instant) {
        guard life > .zero else { return }
        var place = 0
        for i in 0..<cache.count {
            if cache[i].expires > now, cache[i].name == queries[query].name {
                place = i
                break
            }
            if cache[i].expires < cache[place].expires { place = i }
        }
        cache[place].name.copy(queries[query].name)
        cache[place].canonical.copy(queries[query].current)
        cache[place].addresses = queries[query].addresses
        cache[place].error = error
        cache[place].expires = now + min(life, ResolverTime.longestLife)
    }
}

/// How a query ended.
public struct QueryResult: ~Copyable {
    public let error: ResolveError?
    /// The name that the addresses belong to: another than was asked for when that is an alias.
    public private(set) var canonical = DNSName()
    public let addresses: AddressList
    /// Seconds for which the answer holds.
    public let timeToLive: UInt32

    init(error: ResolveError) {
        self.error = error
        addresses = AddressList()
        timeToLive = 0
    }

    init(of query: borrowing NameQuery) {
        error = nil
        addresses = query.addresses
        timeToLive = query.timeToLive
        canonical.copy(query.current)
    }
}
