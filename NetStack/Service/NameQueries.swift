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
        resolver.queries[i].identifier = UInt16(truncatingIfNeeded: random.number())
        send(i, to: Endpoint(server, DNSField.port), now: now)
    }

    /// What cannot be sent is like what gets no answer: the next try comes at its time.
    private mutating func send(_ i: Int, to server: Endpoint, now: Instant) {
        do throws(SocketError) {
            let socket = sockets.openOwn(i)
            resolver.queries[i].socket = socket
            try sockets.bind(socket, to: .unspecified, &random)  // an answer may come in by any interface
            try connectSocket(socket, to: server)
            guard var packet = pool.take(), packet.resize(to: DNSField.messageLimit) else { return }
            var bytes = packet.mutableBytes
            let identifier = resolver.queries[i].identifier
            guard let length = DNSMessage.emitQuestion(resolver.queries[i].current, identifier: identifier, to: &bytes)
            else { return }
            packet.resize(to: length)
            try send(packet, from: socket, to: nil, now: now)
        } catch {}
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
            while resolver.queries[i].state == .waiting, let verdict = nextVerdict(i) {
                act(on: verdict, for: i, now: now)
            }
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
        case .nothing where query.value.searchIndex != nil:
            _ = addSearchDomain(to: i)
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
