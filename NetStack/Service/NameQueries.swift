// Name queries in the stack: asking servers in turn, reading their answers, and the aliases and search domain on the
// way.

import Storage

extension NetStack where Device: ~Copyable {
    // MARK: For callers

    /// Begins to look a name up: labels with dots between them.
    /// - Returns: the query: a completion says when it is complete (perhaps it is at once, from the cache); then
    ///   `takeQuery`, always.
    public mutating func startQuery(_ text: RawSpan, now: Instant) throws(ResolveError) -> Int {
        guard let i = (0..<StackLimit.queries).first(where: { resolver.queries[$0].state == .free }) else {
            throw .tooManyQueries
        }
        resolver.queries[i] = NameQuery()
        guard text.byteCount > 0, resolver.queries[i].name.append(text: text) else { throw .malformedName }
        resolver.queries[i].current.copy(resolver.queries[i].name)
        if isLocalHost(resolver.queries[i].name) {
            resolver.queries[i].addresses.append(.loopback)
            finish(i, .found, now: now)
            return i
        }
        if let known = resolver.find(resolver.queries[i].name, now: now) {
            resolver.queries[i].addresses = resolver.cache[known].addresses
            resolver.queries[i].current.copy(resolver.cache[known].canonical)
            resolver.queries[i].timeToLive = UInt32(clamping: (resolver.cache[known].expires - now).seconds)
            finish(i, resolver.queries[i].addresses.count > 0 ? .found : .failed(resolver.cache[known].error), now: now)
            return i
        }
        guard nameServers.count > 0 else { throw .noServer }
        let hasOneLabel = Int(resolver.queries[i].name[0]) + 2 == resolver.queries[i].name.count
        if hasOneLabel, text.byte(text.byteCount - 1) != 0x2e { resolver.queries[i].searchIndex = 0 }
        _ = addSearchDomain(to: i)
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
    public mutating func cancelQuery(_ i: Int, now: Instant) {
        guard i >= 0, i < StackLimit.queries else { return }
        closeQuerySockets(i, now: now)
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

    /// A name of one label is first looked for in the lease's domains, one after the other. False: none is left, and the
    /// name stands alone.
    private mutating func addSearchDomain(to i: Int) -> Bool {
        let query = resolver.queries.ref(i)
        query.value.current.copy(query.value.name)
        guard let index = query.value.searchIndex, let lease = firstLease, let range = lease.domains.name(index) else {
            query.value.searchIndex = nil
            return false
        }
        query.value.searchIndex = index + 1
        var domain = InlineArray<120, UInt8>(repeating: 0)
        for at in range { domain[at] = lease.domains[at] }
        // The bytes of a span are called unsafe because other types have padding; these are bytes.
        if unsafe !query.value.current.append(text: domain.span.bytes.extracting(range)) {
            return addSearchDomain(to: i)
        }
        return true
    }

    /// The lease that names servers.
    private var firstLease: DHCPLease? {
        for place in 1..<interfaceCount where interfaces[place].dhcp.state.hasLease {
            if let lease = interfaces[place].dhcp.lease, lease.nameServers.count > 0 { return lease }
        }
        return nil
    }

    /// The servers that names are asked of: those by hand, else those of the first lease that names any.
    public var nameServers: DHCPServers {
        if resolver.servers.count > 0 { return resolver.servers }
        return firstLease?.nameServers ?? resolver.servers
    }

    /// Whether the servers were named by hand.
    public var hasOwnNameServers: Bool { resolver.servers.count > 0 }

    /// Names a server by hand, beside those that were before it: they count instead of those of leases.
    /// - Returns: false when there are three already, or it is no host's address.
    public mutating func addNameServer(_ address: IPv4Address) -> Bool {
        let count = resolver.servers.count
        resolver.servers.append(address)
        return resolver.servers.count > count
    }

    /// Forgets the servers by hand.
    public mutating func clearNameServers() { resolver.servers = DHCPServers() }

    // MARK: Asking

    /// Sends the question to the next server.
    @inline(never)
    private mutating func ask(_ i: Int, now: Instant) {
        let servers = nameServers
        let query = resolver.queries.ref(i)
        guard servers.count > 0, query.value.transmissions < ResolverTime.tries else {
            return finish(i, .failed(query.value.failure), now: now)
        }
        var first = 0
        for server in 0..<servers.count where servers[server] == resolver.good { first = server }
        let tries = query.value.transmissions
        let server = (first + tries) % servers.count
        let round = min(4, tries / servers.count)
        query.value.transmissions += 1
        timers.set(.query(i), at: now + ResolverTime.firstPause * (1 << UInt64(round)))
        send(i, toServer: server, Endpoint(servers[server], DNSField.port), now: now)
    }

    /// Asks what the query is about now: what was asked before counts no longer.
    private mutating func askAnew(_ i: Int, now: Instant) {
        closeQuerySockets(i, now: now)
        resolver.queries[i].transmissions = 0
        resolver.queries[i].addresses = AddressList()
        ask(i, now: now)
    }

    /// What cannot be sent is like what gets no answer: the next try comes at its time.
    private mutating func send(_ i: Int, toServer server: Int, _ address: Endpoint, now: Instant) {
        do throws(SocketError) {
            let socket = querySocket(i, server)
            let isNew = resolver.queries[i].asked >> UInt8(server) & 1 == 0
            if isNew || sockets.udp(socket)?.value.peer != address {
                _ = sockets.openOwn(socket - sockets.userCount)
                resolver.queries[i].asked |= 1 << UInt8(server)
                resolver.queries[i].identifiers[server] = UInt16(truncatingIfNeeded: random.number())
                try sockets.bind(socket, to: .unspecified, &random)  // an answer may come in by any interface
                try connectSocket(socket, to: address, now: now)
            }
            guard var packet = pool.take(.own), packet.resize(to: DNSField.messageLimit) else { return }
            var bytes = packet.mutableBytes
            let identifier = resolver.queries[i].identifiers[server]
            guard let length = DNSMessage.emitQuestion(resolver.queries[i].current, identifier: identifier, to: &bytes)
            else { return }
            packet.resize(to: length)
            try send(packet, from: socket, to: nil, now: now)
        } catch {}
    }

    func querySocket(_ i: Int, _ server: Int) -> Int {
        sockets.userCount + i * StackLimit.serversPerQuery + server
    }

    @inline(never)
    private mutating func closeQuerySockets(_ i: Int, now: Instant) {
        closeQueryStream(i, now: now)
        resolver.queries[i].asked = 0
        for server in 0..<StackLimit.serversPerQuery { sockets.close(querySocket(i, server)) }
    }

    @inline(never)
    private mutating func finish(_ i: Int, _ state: NameQuery.State, now: Instant) {
        closeQuerySockets(i, now: now)
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
            if let server = resolver.queries[i].streamServer, let verdict = streamVerdict(i, server, now: now) {
                closeQueryStream(i, now: now)
                if verdict == .truncated || verdict == .failure {
                    failByStream(i, now: now)
                } else {
                    act(on: verdict, from: server, for: i, now: now)
                }
            }
            for server in 0..<StackLimit.serversPerQuery {
                while resolver.queries[i].state == .waiting, let verdict = nextVerdict(i, server) {
                    act(on: verdict, from: server, for: i, now: now)
                }
            }
        }
    }

    /// No answer came in time: asks again.
    mutating func queryTimer(_ i: Int, now: Instant) {
        guard resolver.queries[i].state == .waiting else { return }
        guard resolver.queries[i].streamServer != nil else { return ask(i, now: now) }
        closeQueryStream(i, now: now)
        failByStream(i, now: now)
    }

    /// The server did not answer over TCP either: what the datagram had has to do, else the next one is asked.
    private mutating func failByStream(_ i: Int, now: Instant) {
        let query = resolver.queries.ref(i)
        if query.value.addresses.count > 0 {
            query.value.timeToLive = 0
            return finish(i, .found, now: now)
        }
        fail(i, .truncated, now: now)
    }

    /// A server has no answer: the next one is asked, each twice.
    private mutating func fail(_ i: Int, _ error: ResolveError, now: Instant) {
        resolver.queries[i].failure = error
        if resolver.queries[i].transmissions >= nameServers.count * 2 { return finish(i, .failed(error), now: now) }
        ask(i, now: now)
    }

    /// The next answer of a server that fits; nil when there is none.
    private mutating func nextVerdict(_ i: Int, _ server: Int) -> DNSVerdict? {
        while resolver.queries[i].asked >> UInt8(server) & 1 != 0 {
            do throws(SocketError) {
                guard let datagram = try receive(from: querySocket(i, server)) else { return nil }
                if let verdict = read(datagram, for: i, server) { return verdict }
            } catch {
                return .failure  // refused, or unreachable
            }
        }
        return nil
    }

    private mutating func read(_ datagram: consuming Datagram, for i: Int, _ server: Int) -> DNSVerdict? {
        guard datagram.payload.becomeContiguous(from: pool) else { return nil }
        let query = resolver.queries.ref(i)
        return DNSMessage.parseAnswer(
            datagram.payload.bytes, identifier: query.value.identifiers[server], name: &query.value.current,
            addresses: &query.value.addresses, timeToLive: &query.value.timeToLive)
    }

    private mutating func act(on verdict: DNSVerdict, from server: Int, for i: Int, now: Instant) {
        let query = resolver.queries.ref(i)
        switch verdict {
        case .addresses:
            trust(server)
            query.value.timeToLive = min(query.value.timeToLive, query.value.aliasLife)
            resolver.remember(i, .notFound, life: .seconds(UInt64(query.value.timeToLive)), now: now)
            finish(i, .found, now: now)
        case .alias:
            trust(server)
            query.value.aliases += 1
            query.value.aliasLife = min(query.value.aliasLife, query.value.timeToLive)
            guard query.value.aliases < 8 else { return finish(i, .failed(.serverFailure), now: now) }
            askAnew(i, now: now)
        case .noName, .noAddress:
            trust(server)
            query.value.aliasLife = min(query.value.aliasLife, query.value.timeToLive)
            if verdict == .noAddress { query.value.isKnown = true }
            if query.value.searchIndex != nil {
                _ = addSearchDomain(to: i)
                return askAnew(i, now: now)
            }
            let error: ResolveError = query.value.isKnown ? .noAddress : .notFound
            query.value.addresses = AddressList()
            let life = min(.seconds(UInt64(query.value.aliasLife)), ResolverTime.longestNegativeLife)
            resolver.remember(i, error, life: life, now: now)
            finish(i, .failed(error), now: now)
        // While one server is asked over TCP, only an answer counts.
        case .truncated where query.value.streamServer != nil, .failure where query.value.streamServer != nil: break
        case .truncated: if !askByStream(i, server, now: now) { failByStream(i, now: now) }
        case .failure: fail(i, .serverFailure, now: now)
        }
    }

    /// The server answers: the next question goes there first.
    private mutating func trust(_ server: Int) { resolver.good = nameServers[server] }
}
