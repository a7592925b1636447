// The stub resolver: messages of real servers and forged ones, retries, aliases, the search domain, the cache.

import Testing

@testable import NetStack

@Suite struct ResolverTests {
    private func name(_ text: String) -> [UInt8] {
        text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    private func written(_ name: borrowing DNSName) -> String {
        var text = ""
        name.forEachCharacter { text.unicodeScalars.append(Unicode.Scalar($0)) }
        return text
    }

    /// What a label holds cannot steer a terminal, nor pass for another name (RFC 1035, 5.1).
    @Test func namesAreWrittenInPrintableCharacters() {
        let message: [UInt8] = [4, 0x1b, 0x07, 0x61, 0xff, 5, 0x2e, 0x5c, 0x22, 0x20, 0x7f, 2, 0x2d, 0x5f, 0]
        var name = DNSName()
        var offset = 0
        let isName = unsafe name.parse(message.span.bytes, at: &offset)  // bytes have no padding
        #expect(isName)
        #expect(written(name) == #"\027\007a\255.\.\\\"\032\127.-_"#)
    }

    /// An answer to the question that stands in a frame we sent.
    private struct Answer {
        var flags: UInt16 = 0x8180
        var records: [[UInt8]] = []
        var authority: [[UInt8]] = []
        var questionName: [UInt8]?
        var identifier: UInt16?
        var sourcePort: UInt16 = 53
        var server = IPv4Address(10, 0, 2, 3)
    }

    private func record(_ owner: [UInt8], type: UInt16 = 1, seconds: UInt32 = 60, _ data: [UInt8]) -> [UInt8] {
        owner
            + emitted(10) {
                $0.setBE16(type, 0)
                $0.setBE16(1, 2)
                $0.setBE32(seconds, 4)
                $0.setBE16(UInt16(data.count), 8)
            } + data
    }

    /// A SOA of a zone, by which a negative answer holds so many seconds.
    private func soa(_ minimum: UInt32, seconds: UInt32 = 3600, zone: [UInt8] = [0]) -> [UInt8] {
        record(zone, type: 6, seconds: seconds, [0, 0] + [UInt8](repeating: 0, count: 16) + ServerReply.word(minimum))
    }

    private func frame(_ answer: Answer, to question: [UInt8]) -> [UInt8] {
        let asked = Array(question[42...])
        var message = emitted(12) {
            $0.setBE16(answer.identifier ?? UInt16(asked[0]) << 8 | UInt16(asked[1]), 0)
            $0.setBE16(answer.flags, 2)
            $0.setBE32(0x0001_0000 | UInt32(answer.records.count), 4)
            $0.setBE32(UInt32(answer.authority.count) << 16, 8)
        }
        message += answer.questionName.map { $0 + [0, 1, 0, 1] } ?? Array(asked[12...])
        for record in answer.records + answer.authority { message += record }
        let port = UInt16(question[34]) << 8 | UInt16(question[35])
        let datagram = emitted(over: [UInt8](repeating: 0, count: 8) + message) {
            UDPHeader(sourcePort: answer.sourcePort, destinationPort: port, payloadCount: message.count)
                .emit(to: &$0, source: answer.server, destination: guestAddress)
        }
        return emitted(14) {
            EthernetHeader(destination: guestHardware, source: peerHardware, type: EtherType.ipv4).emit(to: &$0)
        }
            + emitted(20) {
                IPv4Header(
                    payloadCount: datagram.count, identification: 1, protocolNumber: 17, source: answer.server,
                    destination: guestAddress
                ).emit(to: &$0)
            } + datagram
    }

    /// A host with a lease that names 10.0.2.3 and 10.0.2.4 and the domain, and knows all neighbours.
    private func host(domain: String = "lab.example") throws -> TestHost {
        let host = TestHost.bare()
        var ack = ServerReply(.ack)
        ack.extra = [15, UInt8(domain.utf8.count)] + Array(domain.utf8)
        try host.bind(ack)
        _ = host.deliver(at: 20 * second)
        for i: UInt8 in 1..<10 { host.learn(IPv4Address(10, 0, 2, i), now: 20 * second) }
        _ = host.wire.takeOutgoing()
        return host
    }

    private func ask(_ host: TestHost, _ text: String, at now: Instant = 20 * second) throws -> Int {
        try unsafe host.stack.startQuery(Array(text.utf8).span.bytes, now: now)  // bytes have no padding
    }

    /// "error", or the name, the addresses and the seconds.
    private func outcome(_ host: TestHost, _ query: Int) -> String? {
        guard let result = host.stack.takeQuery(query) else { return nil }
        if let error = result.error { return "\(error)" }
        let addresses = (0..<result.addresses.count).map { i in
            let bits = result.addresses[i].bits
            return [24, 16, 8, 0].map { String(bits >> UInt32($0) & 255) }.joined(separator: ".")
        }
        return "\(written(result.canonical)) \(addresses.joined(separator: ",")) \(result.timeToLive)"
    }

    @Test func questionIsAsTheRFCHasItAndTheAnswerEndsIt() throws {
        let host = try host()
        let query = try ask(host, "WWW.Example.com")
        let sent = host.wire.takeOutgoing()
        #expect(sent.count == 1 && sent[0][30..<34] == [10, 0, 2, 3] && sent[0][36..<38] == [0, 53])
        #expect(Array(sent[0][44...]) == [1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + name("www.example.com") + [0, 1, 0, 1])
        #expect(outcome(host, query) == nil)
        let answer = Answer(records: [
            record([0xc0, 12], [93, 184, 216, 34]), record([0xc0, 12], seconds: 30, [1, 2, 3, 4]),
        ])
        _ = host.deliver(frame(answer, to: sent[0]), at: 20 * second)
        #expect(outcome(host, query) == "www.example.com 93.184.216.34,1.2.3.4 30")
        check(host.pool.pool.freeCount == 64)
        for i in 0..<host.stack.allSocketCount { check(host.stack.socketReport(i) == nil) }
    }

    @Test func cacheAnswersUntilTheTimeIsOver() throws {
        let host = try host()
        let query = try ask(host, "a.example")
        let sent = host.wire.takeOutgoing()
        _ = host.deliver(frame(Answer(records: [record([0xc0, 12], [1, 2, 3, 4])]), to: sent[0]), at: 20 * second)
        #expect(outcome(host, query) == "a.example 1.2.3.4 60")
        #expect(outcome(host, try ask(host, "A.EXAMPLE", at: 50 * second)) == "a.example 1.2.3.4 30")
        check(host.wire.takeOutgoing().isEmpty)
        let again = try ask(host, "a.example", at: 81 * second)
        #expect(outcome(host, again) == nil && host.wire.takeOutgoing().count > 0)
    }

    @Test func aliasesAreFollowedWithinTheAnswerAndByAskingAgain() throws {
        let host = try host()
        let query = try ask(host, "www.a.example")
        var sent = host.wire.takeOutgoing()
        // The address stands before the alias that leads to it.
        let inside = Answer(records: [
            record(name("b.example"), [1, 2, 3, 4]), record([0xc0, 12], type: 5, seconds: 7, name("b.example")),
        ])
        _ = host.deliver(frame(inside, to: sent[0]), at: 20 * second)
        #expect(outcome(host, query) == "b.example 1.2.3.4 7")

        let other = try ask(host, "www.c.example")
        sent = host.wire.takeOutgoing()
        let outside = Answer(records: [record([0xc0, 12], type: 5, seconds: 9, name("d.example"))])
        let next = host.deliver(frame(outside, to: sent[0]), at: 20 * second)
        #expect(next.count == 1 && Array(next[0][54...]) == name("d.example") + [0, 1, 0, 1])
        _ = host.deliver(frame(Answer(records: [record([0xc0, 12], [5, 6, 7, 8])]), to: next[0]), at: 20 * second)
        #expect(outcome(host, other) == "d.example 5.6.7.8 9")
    }

    @Test func aliasesInACircleEnd() throws {
        let host = try host()
        let query = try ask(host, "a.example")
        var sent = host.wire.takeOutgoing()
        for _ in 0..<20 where !sent.isEmpty {
            sent = host.deliver(
                frame(Answer(records: [record([0xc0, 12], type: 5, [0xc0, 12])]), to: sent[0]), at: 20 * second)
        }
        #expect(outcome(host, query) == "serverFailure")
    }

    @Test func oneLabelIsSearchedInTheDomainFirst() throws {
        let host = try host()
        let query = try ask(host, "pc")
        var sent = host.wire.takeOutgoing()
        #expect(Array(sent[0][54...]) == name("pc.lab.example") + [0, 1, 0, 1])
        sent = host.deliver(frame(Answer(flags: 0x8183, authority: [soa(30)]), to: sent[0]), at: 20 * second)
        #expect(Array(sent[0][54...]) == name("pc") + [0, 1, 0, 1])
        _ = host.deliver(frame(Answer(flags: 0x8183, authority: [soa(30)]), to: sent[0]), at: 20 * second)
        #expect(outcome(host, query) == "notFound")
        // That there is nothing is remembered, too, for a while.
        #expect(outcome(host, try ask(host, "pc", at: 40 * second)) == "notFound")
        _ = try ask(host, "pc.", at: 60 * second)
        sent = host.wire.takeOutgoing()
        #expect(Array(sent.last![54...]) == name("pc") + [0, 1, 0, 1])
    }

    @Test func serversAreAskedInTurnAndThenGivenUp() throws {
        let host = try host()
        let query = try ask(host, "a.example")
        var asked: [[UInt8]] = host.wire.takeOutgoing()
        var now: Instant = 20 * second
        while outcome(host, query) == nil, now < 60 * second {
            now = now + .milliseconds(250)
            for i: UInt8 in 3..<5 { host.learn(IPv4Address(10, 0, 2, i), now: now) }
            let sent = host.deliver(at: now)
            asked += sent
            if outcome(host, query) == "timedOut" { break }
        }
        #expect(asked.map { $0[33] } == [3, 4, 3, 4, 3, 4])
        // Each server gets one question, from one port, however often it is asked.
        #expect(Set(asked.map { Array($0[34..<36]) }).count == 2 && Set(asked.map { Array($0[42..<44]) }).count == 2)
        #expect(now < 40 * second)
        check(host.pool.pool.freeCount == 64)
    }

    @Test func serverThatFailsIsLeftForTheNext() throws {
        let host = try host()
        let query = try ask(host, "a.example")
        let sent = host.deliver(frame(Answer(flags: 0x8182), to: host.wire.takeOutgoing()[0]), at: 20 * second)
        #expect(sent.count == 1 && sent[0][33] == 4)
        var answer = Answer(records: [record([0xc0, 12], [1, 2, 3, 4])])
        answer.server = IPv4Address(10, 0, 2, 4)
        _ = host.deliver(frame(answer, to: sent[0]), at: 20 * second)
        #expect(outcome(host, query) == "a.example 1.2.3.4 60")
    }

    @Test func forgedAnswersAreNotBelieved() throws {
        let good = record([0xc0, 12], [6, 6, 6, 6])
        let forgeries: [(inout Answer) -> Void] = [
            { $0.identifier = 0 },
            { $0.questionName = [1, 0x62, 0] },
            { $0.flags = 0x0180 },
            { $0.flags = 0x8980 },
            { $0.sourcePort = 54 },
            { $0.server = IPv4Address(10, 0, 2, 9) },
            { $0.records = [Array(good.dropLast())] },
            { $0.records = [[0xc0, 0xff] + good.dropFirst(2)] },
            { $0.records = [[0xc0]] },
            { $0.records = [[0x40] + good.dropFirst(2)] },
        ]
        for (number, forge) in forgeries.enumerated() {
            let host = try host()
            let query = try ask(host, "a.example")
            let sent = host.wire.takeOutgoing()
            var answer = Answer(records: [good])
            forge(&answer)
            _ = host.deliver(frame(answer, to: sent[0]), at: 20 * second)
            #expect(outcome(host, query) == nil, "forgery \(number)")
            _ = host.deliver(frame(Answer(records: [record([0xc0, 12], [1, 2, 3, 4])]), to: sent[0]), at: 20 * second)
            #expect(outcome(host, query) == "a.example 1.2.3.4 60", "forgery \(number)")
        }
    }

    @Test func namesThatAreNoneAreRefused() throws {
        let host = try host()
        let long = String(repeating: "a", count: 64)
        let much = Array(repeating: "abcdefg", count: 32).joined(separator: ".")
        for text in ["", ".", "a..b", ".a", "a b", long, much, "a\u{7f}"] {
            #expect(throws: ResolveError.malformedName, "\(text)") { try ask(host, text) }
        }
        #expect(outcome(host, try ask(host, "localhost")) == "localhost 127.0.0.1 0")
        let without = TestHost()
        #expect(throws: ResolveError.noServer) { try ask(without, "a.example") }
    }

    // MARK: Negative answers (RFC 2308)

    /// Asks, gives this answer, and says how it ended and whether the same question is asked again `later`.
    private func negative(_ answer: Answer, later: Instant) throws -> (String?, isAskedAgain: Bool) {
        let host = try host()
        let query = try ask(host, "a.b.example")
        var sent = host.wire.takeOutgoing()
        var now: Instant = 20 * second
        // Of both servers, as often as they are asked.
        for _ in 0..<8 where !sent.isEmpty {
            var answer = answer
            answer.server = IPv4Address(bits: 0x0a00_0200 | UInt32(sent[0][33]))
            now = now + 1
            sent = host.deliver(frame(answer, to: sent[0]), at: now)
        }
        let result = outcome(host, query)
        for i: UInt8 in 3..<5 { host.learn(IPv4Address(10, 0, 2, i), now: later) }
        _ = host.wire.takeOutgoing()
        _ = try ask(host, "a.b.example", at: later)
        return (result, !host.wire.takeOutgoing().isEmpty)
    }

    @Test func negativeAnswersHoldAsLongAsTheirSOASays() throws {
        let zone = name("b.example")
        for (flags, error) in [(0x8183 as UInt16, "notFound"), (0x8180, "noAddress")] {
            func told(_ authority: [[UInt8]], at later: Instant) throws -> Bool {
                let (result, again) = try negative(Answer(flags: flags, authority: authority), later: later)
                #expect(result == error)
                return again
            }
            #expect(try told([], at: 21 * second))
            #expect(try !told([soa(60, zone: zone)], at: 79 * second))
            #expect(try told([soa(60, zone: zone)], at: 81 * second))
            #expect(try told([soa(600, seconds: 60, zone: zone)], at: 81 * second))
            #expect(try !told([soa(1 << 31, zone: [0])], at: 3000 * second))
            #expect(try told([soa(1 << 31, seconds: 1 << 30, zone: [0])], at: 3700 * second))
            // Of another zone, of another type, too short: nothing is said.
            #expect(try told([soa(60, zone: name("c.example"))], at: 21 * second))
            #expect(try told([soa(60, zone: name("x.a.b.example"))], at: 21 * second))
            #expect(try told([record(zone, type: 2, [0])], at: 21 * second))
            #expect(try told([record(zone, type: 6, [0, 0, 0, 0, 0, 60])], at: 21 * second))
        }
    }

    /// The answer counts, and nothing is said of how long.
    @Test func malformedAuthoritySaysNoTime() throws {
        let good = soa(60)
        func soaOf(_ names: [UInt8]) -> [UInt8] {
            record([0], type: 6, names + [UInt8](repeating: 0, count: 16) + ServerReply.word(60))
        }
        for authority in [
            [[0xc0]], [[0xc0, 0xff] + good.dropFirst(1), good], [[0x40] + good.dropFirst(1), good],
            [Array(good.dropLast())], [Array(good.prefix(8)), good], [[3, 97, 98], good],
            [soaOf([0xc0, 0xff, 0])], [soaOf([0, 0, 0])], [soaOf([0x40, 0])], [soaOf([5, 97, 98, 0, 0])], [soaOf([0])],
        ] as [[[UInt8]]] {
            let (result, again) = try negative(Answer(flags: 0x8183, authority: authority), later: 21 * second)
            #expect(result == "notFound" && again, "\(authority)")
        }
    }

    @Test func anAliasOfWhatIsNotThereIsNotThere() throws {
        let alias = record([0xc0, 12], type: 5, seconds: 9, name("d.example"))
        let (result, again) = try negative(
            Answer(flags: 0x8183, records: [alias], authority: [soa(60)]), later: 28 * second)
        #expect(result == "notFound" && !again)
        let (_, late) = try negative(
            Answer(flags: 0x8183, records: [alias], authority: [soa(60)]), later: 30 * second)
        #expect(late)
    }

    /// Of a truncated answer what is there is used, and not remembered, when TCP (ResolverStreamTests) gives no more.
    @Test func whatIsTruncatedSaysLittle() throws {
        let address = record([0xc0, 12], [1, 2, 3, 4])
        for records in [[], [Array(address.dropLast(5))], [address]] {
            let host = try host()
            let query = try ask(host, "a.b.example")
            let sent = host.wire.takeOutgoing()
            let syn = host.deliver(frame(Answer(flags: 0x8380, records: records), to: sent[0]), at: 20 * second)
            #expect(
                syn.count == 1 && syn[0][23] == 6 && syn[0][30..<34] == [10, 0, 2, 3] && syn[0][36..<38] == [0, 53])
            #expect(outcome(host, query) == nil)
            _ = host.deliver(at: 25 * second)
            guard records == [address] else {
                #expect(outcome(host, query) == nil)
                for time: UInt64 in 26..<60 { _ = host.deliver(at: time * second) }
                #expect(outcome(host, query) == "truncated")
                continue
            }
            #expect(outcome(host, query) == "a.b.example 1.2.3.4 0")
            #expect(outcome(host, try ask(host, "a.b.example", at: 25 * second)) == nil)
        }
    }

    @Test func malformedAnswersAreFailuresOfTheServer() throws {
        let good = record([0xc0, 12], [1, 2, 3, 4])
        for records in [
            [record([0xc0, 12], [1, 2, 3])], [record([0xc0, 12], [])], [Array(good.dropLast())], [[0xc0]],
            [record([0xc0, 12], type: 5, [0xc0, 12, 0])], [record([0xc0, 12], type: 5, [3, 97])],
        ] {
            let (result, again) = try negative(Answer(records: records), later: 21 * second)
            #expect(result == "serverFailure" && again)
        }
    }

    // MARK: Servers

    @Test func slowServersAnswerToAnEarlierQuestionCounts() throws {
        let host = try host()
        let query = try ask(host, "a.example")
        let first = host.wire.takeOutgoing()[0]
        var now: Instant = 20 * second
        while now < 29 * second {
            now = now + .milliseconds(500)
            for i: UInt8 in 3..<5 { host.learn(IPv4Address(10, 0, 2, i), now: now) }
            _ = host.deliver(at: now)
        }
        #expect(outcome(host, query) == nil)
        _ = host.deliver(frame(Answer(records: [record([0xc0, 12], [1, 2, 3, 4])]), to: first), at: now)
        #expect(outcome(host, query) == "a.example 1.2.3.4 60")
    }

    @Test func deadServerIsRemembered() throws {
        let host = try host()
        _ = try ask(host, "a.example")
        #expect(host.wire.takeOutgoing()[0][33] == 3)
        let sent = host.deliver(at: 21 * second)
        #expect(sent.count == 1 && sent[0][33] == 4)
        var answer = Answer(records: [record([0xc0, 12], [1, 2, 3, 4])])
        answer.server = IPv4Address(10, 0, 2, 4)
        _ = host.deliver(frame(answer, to: sent[0]), at: 21 * second)
        _ = try ask(host, "b.example", at: 22 * second)
        #expect(host.wire.takeOutgoing().map { $0[33] } == [4])
        // When that one falls silent the other is asked again.
        #expect(host.deliver(at: 23 * second).map { $0[33] } == [3])
    }

    @Test func serversByHandCountBeforeThoseOfTheLease() throws {
        let without = TestHost()
        without.learn(IPv4Address(10, 0, 2, 7))
        check(without.stack.addNameServer(IPv4Address(10, 0, 2, 7)))
        check(!without.stack.addNameServer(IPv4Address(224, 0, 0, 1)))
        _ = try ask(without, "a.example", at: 0)
        #expect(without.wire.takeOutgoing().map { $0[33] } == [7])
        let host = try host()
        check(host.stack.addNameServer(IPv4Address(10, 0, 2, 7)))
        _ = try ask(host, "a.example")
        #expect(host.wire.takeOutgoing().map { $0[33] } == [7])
        host.stack.clearNameServers()
        _ = try ask(host, "b.example")
        #expect(host.wire.takeOutgoing().map { $0[33] } == [3])
    }

    @Test func everyDomainOfTheSearchListIsTried() throws {
        let host = try host(domain: "one.example two.example")
        let query = try ask(host, "pc")
        var asked: [[UInt8]] = []
        var sent = host.wire.takeOutgoing()
        // The second has the name, without an address.
        for flags: UInt16 in [0x8183, 0x8180, 0x8183] {
            asked.append(Array(sent[0][54...].dropLast(4)))
            sent = host.deliver(frame(Answer(flags: flags), to: sent[0]), at: 20 * second)
        }
        #expect(asked == [name("pc.one.example"), name("pc.two.example"), name("pc")])
        #expect(outcome(host, query) == "noAddress")
    }
}
