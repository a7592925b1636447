// What the stack does with packets from outside: what is answered, and under which counter each bad one goes.

import Testing

@testable import NetStack

/// An echo request from the peer to the guest, of this payload.
func echoRequest(
    _ payload: [UInt8], identifier: UInt16 = 0x77, sequence: UInt16 = 5, source: IPv4Address = peerAddress,
    destination: IPv4Address = guestAddress, hardware: EthernetAddress = guestHardware
) -> [UInt8] {
    let icmp = emitted(over: [UInt8](repeating: 0, count: 8) + payload) {
        ICMPHeader(type: ICMPType.echoRequest, identifier: identifier, sequence: sequence).emit(to: &$0)
    }
    return frame(icmp, protocolNumber: IPProtocol.icmp, source: source, destination: destination, hardware: hardware)
}

func frame(
    _ payload: [UInt8], protocolNumber: UInt8, source: IPv4Address = peerAddress,
    destination: IPv4Address = guestAddress,
    hardware: EthernetAddress = guestHardware, fragment: UInt16 = 0
) -> [UInt8] {
    let header = IPv4Header(
        payloadCount: payload.count, identification: 1, fragment: fragment, protocolNumber: protocolNumber,
        source: source,
        destination: destination)
    return emitted(14) {
        EthernetHeader(destination: hardware, source: peerHardware, type: EtherType.ipv4).emit(to: &$0)
    } + emitted(20) { header.emit(to: &$0) } + payload
}

@Suite struct IPv4Tests {
    @Test func echoReplyToACapturedRequestCarriesItsBytes() {
        let peer = TestHost(peerAddress, peerHardware)
        let replies = peer.deliver(Captured.echoRequest)
        #expect(replies.count == 1)
        #expect(replies[0].count == 98)
        #expect(replies[0].prefix(14).elementsEqual(Captured.echoReply.prefix(14)))
        #expect(replies[0].dropFirst(34).elementsEqual(Captured.echoReply.dropFirst(34)))
        #expect(naiveSum(Array(replies[0][14..<34])) == 0xffff)
        #expect(replies[0][22] == 64)
    }

    @Test func echoReplyIsBuiltInTheBufferOfTheRequest() {
        let host = TestHost(packets: 1)
        host.learn()
        #expect(host.deliver(echoRequest([1, 2, 3])).count == 1)
        #expect(host.pool.pool.failures == 0)
    }

    @Test(arguments: [0, 1, 2, 3, 56, 57, 1471, 1472]) func echoReplyChecksumIsRightForEveryLength(length: Int) {
        let host = TestHost()
        host.learn()
        for fill: UInt8 in [0, 0xff, 0x5a] {
            let reply = host.deliver(echoRequest([UInt8](repeating: fill, count: length)))[0]
            #expect(naiveSum(Array(reply.dropFirst(34))) == 0xffff)
            #expect(reply[34] == 0 && reply.count == 42 + length)
        }
    }

    @Test func paddingIsNotPartOfTheReply() {
        let host = TestHost()
        host.learn()
        let reply = host.deliver(echoRequest([9]) + [UInt8](repeating: 0xaa, count: 17))[0]
        #expect(reply.count == 43)
    }

    @Test func optionsAreSkippedAndNotReturned() {
        let host = TestHost()
        host.learn()
        var bytes = echoRequest([7, 7])
        bytes.insert(contentsOf: [1, 1, 1, 0], at: 34)
        bytes[14] = 0x46
        bytes[17] += 4
        (bytes[24], bytes[25]) = (0, 0)
        let sum = ~naiveSum(Array(bytes[14..<38]))
        (bytes[24], bytes[25]) = (UInt8(sum >> 8), UInt8(sum & 255))
        let reply = host.deliver(bytes)
        #expect(reply.count == 1)
        #expect(reply.first?.count == 44)
        #expect(reply.first?[14] == 0x45)
    }

    @Test func badPacketsAreDroppedUnderTheirOwnCounter() {
        func changed(_ change: (inout [UInt8]) -> Void, fixing: Bool = true) -> [UInt8] {
            var bytes = echoRequest([1, 2, 3, 4])
            change(&bytes)
            if fixing, bytes.count >= 34 {
                (bytes[24], bytes[25]) = (0, 0)
                let sum = ~naiveSum(Array(bytes[14..<34]))
                (bytes[24], bytes[25]) = (UInt8(sum >> 8), UInt8(sum & 255))
            }
            return bytes
        }
        let table: [([UInt8], DropReason)] = [
            ([1, 2, 3], .frameTooShort),
            (changed { $0[0] = 0x50 }, .frameNotForUs),
            (changed { $0[12] = 0x86 }, .unknownEtherType),
            (Array(echoRequest([]).prefix(33)), .ipTooShort),
            (changed { $0[14] = 0x65 }, .ipBadVersion),
            (changed { $0[14] = 0x44 }, .ipBadHeaderLength),
            (changed { $0[16] = 0xff }, .ipBadTotalLength),
            (changed { $0[17] = 19 }, .ipBadTotalLength),
            (changed({ $0[24] ^= 1 }, fixing: false), .ipBadChecksum),
            (changed { $0[20] = 0x20 }, .ipBadFragment),
            (changed { $0[23] = 17 }, .udpMalformed),
            (changed { $0[33] = 0x10 }, .ipNotForUs),
            (changed { $0[26] = 127 }, .ipBadSource),
            (changed { $0[26] = 0 }, .ipBadSource),
            (changed { $0[26] = 230 }, .ipBadSource),
            (changed { $0.replaceSubrange(26..<30, with: [255, 255, 255, 255]) }, .ipBadSource),
            (changed { $0[29] = 255 }, .ipBadSource),
            (changed { $0[29] = 15 }, .ipBadSource),
            (changed { $0.replaceSubrange(30..<34, with: [127, 0, 0, 1]) }, .ipNotForUs),
            (changed { $0.replaceSubrange(0..<6, with: [255, 255, 255, 255, 255, 255]) }, .ipUnicastInBroadcastFrame),
            (changed { $0[33] = 255 }, .icmpEchoToBroadcast),
            (changed({ $0[40] ^= 1 }, fixing: false), .icmpBadChecksum),
            (frame([8, 0, 0xf7, 0xff], protocolNumber: 1), .icmpTooShort),
            (frame([13, 0, 0xf2, 0xff, 0, 0, 0, 0], protocolNumber: 1), .icmpUnknownType),
            (frame([0, 0, 0xff, 0xff, 0, 0, 0, 0], protocolNumber: 1), .icmpUnexpectedReply),
            (frame([3, 1, 0xfc, 0xfe, 0, 0, 0, 0], protocolNumber: 1), .icmpTooShort),
            (Captured.portUnreachable, .icmpUnexpectedReply),
        ]
        let unknownProtocol = TestHost()
        unknownProtocol.learn()
        let answer = unknownProtocol.deliver(changed { $0[23] = 99 })
        #expect(unknownProtocol.drops(.ipUnknownProtocol) == 1)
        // ICMP protocol unreachable (RFC 1122, 3.2.2.1).
        #expect(answer.count == 1 && Array(answer[0][34..<36]) == [3, 2])
        for (index, (bytes, reason)) in table.enumerated() {
            let host = TestHost()
            host.learn()
            #expect(host.deliver(bytes) == [], "row \(index)")
            #expect(host.drops(reason) == 1, "row \(index): \(reason)")
            let all = (0..<DropReason.count).reduce(0) { $0 + host.drops(DropReason(rawValue: $1)!) }
            #expect(all == 1, "row \(index)")
            #expect(host.pool.pool.freeCount == 64, "row \(index)")
        }
    }

    @Test func everyTruncationAndDamageOfACaptureIsHarmless() {
        var random = SeededRandom(seed: 3)
        let host = TestHost()
        host.learn()
        for capture in [Captured.echoReply, Captured.portUnreachable, Captured.arpReply, echoRequest([1, 2, 3])] {
            for length in 0..<capture.count { _ = host.deliver(Array(capture.prefix(length))) }
            for _ in 0..<500 {
                var bytes = capture
                bytes[.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
                _ = host.deliver(bytes)
            }
        }
        #expect(host.pool.pool.freeCount == 64)
    }

    @Test func everyDropReasonHasACounterAndAName() {
        #expect(DropReason.count <= 56)
        var names: Set<String> = []
        for i in 0..<DropReason.count { names.insert("\(DropReason(rawValue: i)!.name)") }
        #expect(names.count == DropReason.count)
    }
}
