// Every wire format on captured bytes: construct, deconstruct, parse, emit.

import Testing

@testable import NetStack

@Suite struct WireTests {
    @Test func ethernetHeaderParsesAndEmitsCapturedBytes() {
        let header = EthernetHeader(destination: peerHardware, source: guestHardware, type: EtherType.ipv4)
        #expect(withBytes(Captured.echoRequest) { EthernetHeader(parsing: $0) } == header)
        #expect(emitted(14) { header.emit(to: &$0) } == Array(Captured.echoRequest.prefix(14)))
        #expect(withBytes(Array(Captured.echoRequest.prefix(13))) { EthernetHeader(parsing: $0) } == nil)
    }

    @Test func ethernetAddressesKnowTheirKind() {
        #expect((0..<6).map { guestHardware[$0] } == [0x52, 0x54, 0, 0x73, 0x77, 0x66])
        #expect(EthernetAddress.broadcast.isBroadcast && EthernetAddress.broadcast.isMulticast)
        #expect(EthernetAddress(1, 0, 0x5e, 0, 0, 1).isMulticast)
        #expect(guestHardware.isUnicast && !EthernetAddress.zero.isUnicast)
        let made = EthernetAddress.random(0xffff_ffff_ffff_ffff)
        #expect(made.isUnicast && made[0] & 2 == 2)
    }

    @Test func ipv4AddressesKnowTheirKind() {
        #expect(guestAddress.bits == 0x0a00_020f)
        #expect(IPv4Address(127, 1, 2, 3).isLoopback && !IPv4Address(127, 1, 2, 3).isUnicast)
        #expect(IPv4Address(224, 0, 0, 1).isMulticast && IPv4Address(239, 255, 255, 255).isMulticast)
        for bad in [IPv4Address.any, .broadcast, IPv4Address(224, 0, 0, 1), IPv4Address(250, 0, 0, 1)] {
            #expect(!bad.isUnicast)
        }
        #expect(guestAddress.isUnicast)
    }

    @Test func arpMessageParsesAndEmitsCapturedBytes() {
        let request = ARPMessage(
            operation: .request, senderHardware: guestHardware, senderProtocol: guestAddress, targetHardware: .zero,
            targetProtocol: peerAddress)
        let reply = ARPMessage(
            operation: .reply, senderHardware: peerHardware, senderProtocol: peerAddress, targetHardware: guestHardware,
            targetProtocol: guestAddress)
        #expect(withBytes(Array(Captured.arpRequest.dropFirst(14))) { ARPMessage(parsing: $0) } == request)
        #expect(withBytes(Array(Captured.arpReply.dropFirst(14))) { ARPMessage(parsing: $0) } == reply)
        #expect(emitted(28) { request.emit(to: &$0) } == Array(Captured.arpRequest.dropFirst(14)))
        #expect(emitted(28) { reply.emit(to: &$0) } == Array(Captured.arpReply.dropFirst(14)))
    }

    @Test func arpMessagesOfOtherKindsAreRefused() {
        let good = Array(Captured.arpRequest.dropFirst(14))
        for (offset, value) in [(1, 6), (2, 9), (3, 1), (4, 8), (5, 16), (7, 3), (7, 0), (6, 1)] as [(Int, UInt8)] {
            var bad = good
            bad[offset] = value
            #expect(withBytes(bad) { ARPMessage(parsing: $0) } == nil, "byte \(offset)")
        }
        #expect(withBytes(Array(good.dropLast())) { ARPMessage(parsing: $0) } == nil)
    }

    @Test func ipv4HeaderParsesAndEmitsCapturedBytes() throws {
        let bytes = Array(Captured.echoRequest.dropFirst(14))
        let header = IPv4Header(
            payloadCount: 64, identification: 0x14d1, fragment: 0x4000, protocolNumber: IPProtocol.icmp,
            source: guestAddress,
            destination: peerAddress)
        var parsed: IPv4Header?
        withBytes(bytes) { parsed = try? IPv4Header(parsing: $0) }
        #expect(parsed == header)
        #expect(header.dontFragment && !header.isFragment)
        #expect(emitted(20) { header.emit(to: &$0) } == Array(bytes.prefix(20)))
    }

    @Test(
        arguments: [
            (0, 0x55, IPv4HeaderError.badVersion), (0, 0x44, .badHeaderLength), (0, 0x4f, .badChecksum),
            (3, 0x13, .badTotalLength),
            (2, 0x01, .badTotalLength), (10, 0, .badChecksum), (8, 63, .badChecksum),
        ] as [(Int, UInt8, IPv4HeaderError)])
    func ipv4HeaderRefusesWhatIsWrong(offset: Int, value: UInt8, error: IPv4HeaderError) {
        var bytes = Array(Captured.echoRequest.dropFirst(14))
        bytes[offset] = value
        #expect(refusal(bytes) == error)
    }

    @Test func ipv4HeaderCutShortIsRefused() {
        let bytes = Array(Captured.echoRequest.dropFirst(14))
        for length in 0..<20 { #expect(refusal(Array(bytes.prefix(length))) == .tooShort) }
        #expect(refusal(Array(bytes.prefix(83))) == .badTotalLength)
        #expect(refusal(bytes) == nil)
    }

    func refusal(_ bytes: [UInt8]) -> IPv4HeaderError? {
        var refusal: IPv4HeaderError?
        withBytes(bytes) { span in
            do throws(IPv4HeaderError) { _ = try IPv4Header(parsing: span) } catch { refusal = error }
        }
        return refusal
    }

    @Test func icmpHeaderParsesAndEmitsCapturedBytes() {
        let message = Array(Captured.echoRequest.dropFirst(34))
        let header = ICMPHeader(type: ICMPType.echoRequest, checksum: 0x5787, identifier: 0x26ac, sequence: 1)
        #expect(withBytes(message) { ICMPHeader(parsing: $0) } == header)
        #expect(withBytes(message) { Checksum.isRight($0, to: 64) })
        var blank = message
        blank.replaceSubrange(0..<8, with: [UInt8](repeating: 0x5a, count: 8))
        #expect(emitted(over: blank) { header.emit(to: &$0) } == message)
        #expect(withBytes(Array(message.prefix(7))) { ICMPHeader(parsing: $0) } == nil)
    }

    @Test func udpHeaderParsesAndEmitsCapturedBytes() {
        let datagram = hex("988d0009000e 0b4f 68656c6c6f0a")
        var header: UDPHeader?
        withBytes(datagram) { header = UDPHeader(parsing: $0, source: guestAddress, destination: peerAddress) }
        #expect(header == UDPHeader(sourcePort: 0x988d, destinationPort: 9, payloadCount: 6))
        var blank = datagram
        blank.replaceSubrange(0..<8, with: [UInt8](repeating: 0x5a, count: 8))
        #expect(
            emitted(over: blank) { header?.emit(to: &$0, source: guestAddress, destination: peerAddress) } == datagram)
    }

    @Test func udpHeaderRefusesWrongLengthsAndChecksums() {
        func parses(_ bytes: [UInt8]) -> Bool {
            withBytes(bytes) { UDPHeader(parsing: $0, source: guestAddress, destination: peerAddress) != nil }
        }
        #expect(parses(hex("988d0009000e 0000 68656c6c6f0a")))  // no checksum
        #expect(!parses(hex("988d0009000e 0b50 68656c6c6f0a")))
        #expect(!parses(hex("988d0009000f 0000 68656c6c6f0a")))
        #expect(!parses(hex("988d00090007 0000 68656c6c6f0a")))
        #expect(!parses(hex("988d0009000e00")))
    }
}
