// DHCP messages as bytes.

import Testing

@testable import NetStack

@Suite struct DHCPMessageTests {
    func parse(_ change: (inout ServerReply) -> Void) -> DHCPReply? {
        var reply = ServerReply(.offer)
        change(&reply)
        return withBytes(reply.payload(1)) { try? DHCPReply(parsing: $0) }
    }

    func lease(_ change: (inout ServerReply) -> Void) throws -> DHCPLease {
        let parsed = parse(change)
        let reply = try #require(parsed)
        return try #require(DHCPLease(reply))
    }

    func domain(_ change: (inout ServerReply) -> Void) throws -> String {
        let parsed = parse(change)
        let reply = try #require(parsed)
        return text(reply.domains)
    }

    func text(_ domain: DHCPDomains) -> String {
        String(decoding: (0..<domain.count).map { domain[$0] }, as: UTF8.self)
    }

    @Test func overloadedFieldsAreReadFileFirst() throws {
        let reply = try #require(
            parse {
                $0.extra = [52, 1, 3]
                $0.file = [15, 3] + Array("lab".utf8) + [255]
                $0.serverName = [15, 4] + Array(".net".utf8) + [28, 4, 10, 0, 2, 255, 255]
            })
        #expect(text(reply.domains) == "lab.net")
        let inServerName = try domain {
            $0.extra = [52, 1, 2]
            $0.file = [15, 3] + Array("lab".utf8) + [255]
            $0.serverName = [15, 4] + Array("home".utf8)
        }
        #expect(inServerName == "home")
        #expect(parse { ($0.extra, $0.file) = ([52, 1, 1], [UInt8](repeating: 0, count: 126) + [15, 1]) } == nil)
        let plain = try #require(parse { $0.file = [15, 3] + Array("lab".utf8) + [255] })
        #expect(plain.domains.count == 0)
    }

    @Test func longOptionsAndMissingEndAreTolerated() throws {
        let long = [UInt8](repeating: 7, count: 255)
        let reply = try #require(
            parse {
                ($0.extra, $0.end) = ([43, 255] + long + [43, 255] + long + [0, 0, 15, 4] + Array("home".utf8), [])
            })
        #expect(text(reply.domains) == "home")
    }

    @Test func namesThatCouldMoveACursorAreLeftOut() throws {
        #expect(try domain { $0.extra = [15, 4, 0x1b, 0x5b, 0x32, 0x4a] } == "")
        #expect(try domain { $0.extra = [15, 121] + [UInt8](repeating: 97, count: 121) } == "")
        #expect(try domain { $0.extra = [15, 5] + Array("home".utf8) + [0] } == "home")
    }

    @Test func listsOfOddLengthAreLeftOutAndOnlyThreeServersKept() throws {
        let reply = try #require(parse { $0.extra = [6, 12, 1, 1, 1, 1, 0, 0, 0, 0, 9, 9, 9, 9, 3, 5, 1, 2, 3, 4, 5] })
        #expect(reply.nameServers.count == 3 && reply.nameServers[2] == IPv4Address(1, 1, 1, 1))
        #expect(reply.router == peerAddress)
    }

    @Test func timesOutOfOrderAreReplaced() throws {
        for (renewal, rebinding) in [(3600, 1800), (0, 1800), (100, 4000)] as [(UInt32, UInt32)] {
            let lease = try lease { ($0.renewal, $0.rebinding) = (renewal, rebinding) }
            #expect(lease.renewalTime == 1800 && lease.rebindingTime == 3150)
        }
        let lease = try lease { ($0.renewal, $0.rebinding) = (100, 200) }
        #expect(lease.renewalTime == 100 && lease.rebindingTime == 200)
    }

    @Test func routerOnAnotherNetworkIsNoRouter() throws {
        let lease = try lease { $0.address = IPv4Address(192, 168, 7, 9) }
        #expect(lease.router == nil && lease.prefixLength == 24)
    }

    @Test func messagesAre300BytesWithTheirPadding() {
        var message = DHCPMessage(type: .request, transaction: 0x0102_0304, seconds: 7, hardware: guestHardware)
        message.requestedAddress = guestAddress
        message.server = peerAddress
        let bytes = emitted(300) { message.emit(to: &$0) }
        #expect(
            bytes == hex(
                """
                01010600 01020304 00070000 00000000 00000000 00000000 00000000 525400737766
                """) + [UInt8](repeating: 0, count: 202)
                + hex(
                    """
                    63825363 350103 3d0701525400737766 32040a00020f 36040a000202 390205dc 0c0873776966746c6574 370d0179f903060f771a1c2a333a3b ff
                    """) + [UInt8](repeating: 0, count: 6))
    }
}
