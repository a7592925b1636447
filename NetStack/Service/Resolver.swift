// The stub resolver (RFC 1034, 5.3.1; RFC 1123, 6.1): questions under way, and a cache of answers for as long as they hold.
//
// Promise: an answer is taken only from the server that was asked, to the random port and with the random identifier of this question
// (RFC 5452); servers are asked in turn, with growing pauses, and at most `tries` times; the cache is bounded and honours every TTL.

import Storage

/// Why there is no address.
public enum ResolveError: Error, Equatable {
    /// No interface's lease names a server.
    case noServer
    case malformedName, tooManyQueries
    /// The servers say that there is no such name, or that it has no address.
    case notFound
    case timedOut
    /// A server answered that it cannot tell.
    case serverFailure
}

public enum ResolverTime {
    /// The first pause; each round of all servers doubles it.
    public static var firstPause: Duration { .seconds(1) }
    public static var tries: Int { 6 }
    /// However long a server says that an answer holds (RFC 8767, 4: a week at most; here a day), and that there is none.
    public static var longestLife: Duration { .seconds(86_400) }
    public static var negativeLife: Duration { .seconds(30) }
}

/// A question under way.
struct NameQuery: ~Copyable {
    enum State: Equatable { case free, waiting, found, failed(ResolveError) }

    var state = State.free
    /// As the caller wrote it, made absolute; the cache knows it by this.
    var name = DNSName()
    /// What is asked for at the moment: with the search domain, or an alias.
    var current = DNSName()
    /// The name without the search domain is still to be tried.
    var hasPlainName = false
    var aliases = 0
    /// One of the stack's own; nil: none is open.
    var socket: Int?
    var identifier: UInt16 = 0
    var transmissions = 0
    var addresses = AddressList()
    var timeToLive: UInt32 = 0
    /// As long as the aliases on the way hold.
    var aliasLife = UInt32.max
}

struct CachedName: ~Copyable {
    var name = DNSName()
    var canonical = DNSName()
    /// Empty: there is no such name.
    var addresses = AddressList()
    /// Passed: the entry is free.
    var expires = Instant.start
}

struct Resolver: ~Copyable {
    static var cacheLimit: Int { 32 }
    static var memoryNeeded: Int {
        TableMemory.byteCount(NameQuery.self, StackLimit.queries) + TableMemory.byteCount(CachedName.self, cacheLimit)
    }

    let queries: Table<NameQuery>
    let cache: Table<CachedName>
    /// Datagrams wait in the queries' sockets.
    var hasInput = false

    init(_ memory: inout TableMemory) {
        queries = memory.table(StackLimit.queries) { NameQuery() }
        cache = memory.table(Self.cacheLimit) { CachedName() }
    }

    func find(_ name: borrowing DNSName, now: Instant) -> Int? {
        for i in 0..<cache.count where cache[i].expires > now && cache[i].name == name { return i }
        return nil
    }

    /// Remembers how a query ended; the entry that expires first makes room.
    @inline(never)
    mutating func remember(_ query: Int, life: Duration, now: Instant) {
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
        cache[place].expires = now + min(life, ResolverTime.longestLife)
    }
}

extension NetStack where Device: ~Copyable {
    // MARK: For callers

    /// Begins to look a name up: labels with dots between them.
    /// - Returns: the query: a completion says when it is complete (perhaps it is at once, from the cache); then `takeQuery`, always.
    public mutating func startQuery(_ text: RawSpan, now: Instant) throws(ResolveError) -> Int {
        guard let i = (0..<StackLimit.queries).first(where: { resolver.queries[$0].state == .free }) else { throw .tooManyQueries }
        resolver.queries[i] = NameQuery()
        guard text.byteCount > 0, resolver.queries[i].name.append(text: text) else { throw .malformedName }
        resolver.queries[i].current.copy(resolver.queries[i].name)
        if isLocalHost(resolver.queries[i].name) {
            resolver.queries[i].addresses.append(.loopback)
            finish(i, .found)
            return i
        }
        if let known = resolver.find(resolver.queries[i].name, now: now) {
            resolver.queries[i].addresses = resolver.cache[known].addresses
            resolver.queries[i].current.copy(resolver.cache[known].canonical)
            resolver.queries[i].timeToLive = UInt32(clamping: (resolver.cache[known].expires - now).seconds)
            finish(i, resolver.queries[i].addresses.count > 0 ? .found : .failed(.notFound))
            return i
        }
        guard serverCount > 0 else { throw .noServer }
        addSearchDomain(to: i, isAbsolute: text.byte(text.byteCount - 1) == 0x2e)
        resolver.queries[i].state = .waiting
        ask(i, now: now)
        return i
    }

    /// What became of a query: nil while it is under way; else it is free again.
    public mutating func takeQuery(_ i: Int) -> QueryResult? {
        guard i >= 0, i < StackLimit.queries else { return nil }
        let state = resolver.queries[i].state
        guard state != .free, state != .waiting else { return nil }
        resolver.queries[i].state = .free
        if case .failed(let error) = state { return QueryResult(error: error) }
        return QueryResult(of: resolver.queries[i])
    }

    /// Forgets a query: its caller is gone.
    public mutating func cancelQuery(_ i: Int) {
        guard i >= 0, i < StackLimit.queries else { return }
        closeQuerySocket(i)
        timers.cancel(.query(i))
        resolver.queries[i].state = .free
    }

    // MARK: Names

    private func isLocalHost(_ name: borrowing DNSName) -> Bool {
        let text: StaticString = "\u{9}localhost"
        guard name.count == 11 else { return false }
        for i in 0..<10 where name[i] != text.byte(i) { return false }
        return true
    }

    /// A name of one label is first looked for in the lease's domain.
    private mutating func addSearchDomain(to i: Int, isAbsolute: Bool) {
        let hasOneLabel = Int(resolver.queries[i].name[0]) + 2 == resolver.queries[i].name.count
        guard hasOneLabel, !isAbsolute, let lease = firstLease, lease.domain.count > 0 else { return }
        var domain = InlineArray<64, UInt8>(repeating: 0)
        let count = min(64, lease.domain.count)
        for index in 0..<count { domain[index] = lease.domain[index] }
        // The bytes of a span are called unsafe because other types have padding; these are bytes.
        if unsafe resolver.queries[i].current.append(text: domain.span.bytes.extracting(0..<count)) {
            resolver.queries[i].hasPlainName = true
        } else {
            resolver.queries[i].current.copy(resolver.queries[i].name)
        }
    }

    /// The lease that tells of name servers.
    private var firstLease: DHCPLease? {
        for place in 1..<interfaceCount where interfaces[place].dhcp.state.hasLease {
            if let lease = interfaces[place].dhcp.lease, lease.nameServers.count > 0 { return lease }
        }
        return nil
    }

    private var serverCount: Int { firstLease?.nameServers.count ?? 0 }

    // MARK: Asking

    /// Sends the question to the next server, from a port of its own.
    @inline(never)
    private mutating func ask(_ i: Int, now: Instant) {
        closeQuerySocket(i)
        guard let lease = firstLease, resolver.queries[i].transmissions < ResolverTime.tries else {
            return finish(i, .failed(.timedOut))
        }
        let tries = resolver.queries[i].transmissions
        let server = lease.nameServers[tries % lease.nameServers.count]
        let round = min(4, tries / lease.nameServers.count)
        resolver.queries[i].transmissions += 1
        timers.set(.query(i), at: now + ResolverTime.firstPause * (1 << UInt64(round)))
        resolver.queries[i].identifier = UInt16(truncatingIfNeeded: nextRandom() >> 32)
        send(i, to: Endpoint(server, DNSField.port), now: now)
    }

    /// What cannot be sent is like what gets no answer: the next try comes at its time.
    private mutating func send(_ i: Int, to server: Endpoint, now: Instant) {
        do throws(SocketError) {
            let socket = sockets.openOwn(i)
            resolver.queries[i].socket = socket
            bindToRandomPort(socket)
            try connectSocket(socket, to: server)
            guard var packet = pool.take(), packet.resize(to: DNSField.messageLimit) else { return }
            var bytes = packet.mutableBytes
            let identifier = resolver.queries[i].identifier
            guard let length = DNSMessage.emitQuestion(resolver.queries[i].current, identifier: identifier, to: &bytes) else { return }
            packet.resize(to: length)
            try send(packet, from: socket, to: nil, now: now)
        } catch {}
    }

    private mutating func bindToRandomPort(_ socket: Int) {
        for _ in 0..<4 {
            let port = UInt16(49152 + nextRandom() >> 32 & 0x3fff)
            do throws(SocketError) { return try bindSocket(socket, to: Endpoint(IPAddress.unspecified, port)) } catch {}
        }
    }

    @inline(never)
    private mutating func closeQuerySocket(_ i: Int) {
        if let socket = resolver.queries[i].socket.take() { sockets.close(socket) }
    }

    @inline(never)
    private mutating func finish(_ i: Int, _ state: NameQuery.State) {
        closeQuerySocket(i)
        resolver.queries[i].state = state
        timers.cancel(.query(i))
        completions.append(.query(i))
    }

    // MARK: Answers and time

    /// Reads what came for the queries under way.
    @inline(never)
    mutating func readAnswers(now: Instant) {
        resolver.hasInput = false
        for i in 0..<StackLimit.queries {
            while resolver.queries[i].state == .waiting, let verdict = nextVerdict(i) { act(on: verdict, for: i, now: now) }
        }
    }

    /// No answer came in time: asks again.
    mutating func queryTimer(_ i: Int, now: Instant) {
        if resolver.queries[i].state == .waiting { ask(i, now: now) }
    }

    /// The next answer that fits; nil when there is none.
    private mutating func nextVerdict(_ i: Int) -> DNSVerdict? {
        while let socket = resolver.queries[i].socket {
            do throws(SocketError) {
                guard let datagram = try receive(from: socket) else { return nil }
                if let verdict = read(datagram, for: i) { return verdict }
            } catch {
                return .failure  // refused, or unreachable
            }
        }
        return nil
    }

    private mutating func read(_ datagram: consuming Datagram, for i: Int) -> DNSVerdict? {
        guard datagram.payload.becomeContiguous(from: pool) else { return nil }
        let query = resolver.queries.ref(i)
        return DNSMessage.parseAnswer(
            datagram.payload.bytes, identifier: query.value.identifier, name: &query.value.current,
            addresses: &query.value.addresses, timeToLive: &query.value.timeToLive)
    }

    private mutating func act(on verdict: DNSVerdict, for i: Int, now: Instant) {
        let query = resolver.queries.ref(i)
        switch verdict {
        case .addresses:
            query.value.timeToLive = min(query.value.timeToLive, query.value.aliasLife)
            resolver.remember(i, life: .seconds(UInt64(query.value.timeToLive)), now: now)
            finish(i, .found)
        case .alias:
            query.value.aliases += 1
            query.value.aliasLife = min(query.value.aliasLife, query.value.timeToLive)
            query.value.transmissions = 0
            guard query.value.aliases < 8 else { return finish(i, .failed(.serverFailure)) }
            ask(i, now: now)
        case .nothing where query.value.hasPlainName:
            query.value.hasPlainName = false
            query.value.current.copy(query.value.name)
            query.value.transmissions = 0
            ask(i, now: now)
        case .nothing:
            query.value.addresses = AddressList()
            resolver.remember(i, life: ResolverTime.negativeLife, now: now)
            finish(i, .failed(.notFound))
        case .failure:
            if query.value.transmissions >= serverCount * 2 { return finish(i, .failed(.serverFailure)) }
            ask(i, now: now)
        }
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
