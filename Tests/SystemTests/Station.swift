// The station at the other end of a guest's wire (NET=stream): it answers ARP for every address but the guest's, and
// what a test says to the datagrams and echo requests that come. So a test can be a server that is wrong, or a wire that
// doubles frames.

import Foundation
import HostGuest
import QTest

final class Station: @unchecked Sendable {
    /// An IPv4 packet of the guest's.
    struct Packet {
        /// From the Ethernet header on.
        let frame: [UInt8]
        var destination: [UInt8] { Array(frame[30..<34]) }
        var source: [UInt8] { Array(frame[26..<30]) }
        var isEchoRequest: Bool { frame[23] == 1 && frame.count >= 42 && frame[34] == 8 }
        /// UDP's destination port; nil for what is no UDP.
        var port: Int? { frame[23] == 17 ? Int(frame[36]) << 8 | Int(frame[37]) : nil }
        /// Behind the header of ICMP or UDP.
        var payload: [UInt8] { Array(frame[42..<(14 + Int(frame[16]) << 8 + Int(frame[17]))]) }
    }

    static let address = "10.9.0.1"
    static let guest = "10.9.0.2/24"
    private static let hardware: [UInt8] = [2, 0, 0, 0, 0, 1]

    /// What starts a guest on this wire.
    var options: [String: String] { ["NET": "stream", "PEER": path, "IP": Self.guest, "PCAP": "", "CPUS": "2"] }

    private let path: String
    private let listener: Int32
    /// Frames to be sent for a packet that came.
    private let answer: (Packet) -> [[UInt8]]
    private let lock = NSLock()
    private var wire: Int32 = -1
    private var taken: [[UInt8]] = []

    init(_ answer: @escaping (Packet) -> [[UInt8]] = { _ in [] }) throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("station-\(UUID().uuidString)").path
        self.answer = answer
        listener = try UnixSocket.listen(path)
        Thread.detachNewThread { self.serve() }
    }

    /// The frames that the guest sent so far.
    var frames: [[UInt8]] { lock.withLock { taken } }

    private func serve() {
        defer { try? FileManager.default.removeItem(atPath: path) }
        guard let wire = try? UnixSocket.accept(listener, seconds: 60) else { return }
        lock.withLock { self.wire = wire }
        close(listener)
        FrameStream.receive(from: wire, take)
        lock.withLock { self.wire = -1 }
        close(wire)
    }

    /// Sends a frame to the guest.
    func send(_ frame: [UInt8]) {
        lock.withLock { _ = FrameStream.send(frame, to: wire) }
    }

    private func take(_ frame: [UInt8]) {
        lock.withLock { taken.append(frame) }
        guard frame.count >= 42 else { return }
        // A request for any address but one that the guest has, or probes for.
        if frame[12] == 8, frame[13] == 6, frame[21] == 1, frame[28..<32] != [0, 0, 0, 0],
            frame[28..<32] != frame[38..<42]
        {
            var reply = frame
            reply.replaceSubrange(0..<12, with: frame[6..<12] + Self.hardware)
            reply[21] = 2
            reply.replaceSubrange(22..<32, with: Self.hardware + frame[38..<42])
            reply.replaceSubrange(32..<42, with: frame[22..<32])
            send(reply)
        }
        guard frame[12] == 8, frame[13] == 0, frame[14] == 0x45 else { return }
        for reply in answer(Packet(frame: frame)) { send(reply) }
    }

    // MARK: Frames to the guest

    /// The echo reply, of a payload that may have been changed.
    static func echoReply(to packet: Packet, payload: [UInt8]? = nil) -> [UInt8] {
        var message = [0, 0, 0, 0] + Array(packet.frame[38..<42]) + (payload ?? packet.payload)
        set(checksum(message), at: 2, in: &message)
        return ipv4(message, protocolNumber: 1, answering: packet)
    }

    /// A datagram back to where one came from, and from where it went to, unless that is said.
    static func datagram(
        _ payload: [UInt8], answering packet: Packet, from source: [UInt8]? = nil, to destination: [UInt8]? = nil
    ) -> [UInt8] {
        let length = 8 + payload.count
        var head = [UInt8](packet.frame[36..<38]) + packet.frame[34..<36]
        head += [UInt8(length >> 8), UInt8(length & 255), 0, 0]
        return ipv4(head + payload, protocolNumber: 17, answering: packet, source, destination)
    }

    private static func ipv4(
        _ payload: [UInt8], protocolNumber: UInt8, answering packet: Packet, _ source: [UInt8]? = nil,
        _ destination: [UInt8]? = nil
    ) -> [UInt8] {
        let length = 20 + payload.count
        var header: [UInt8] = [0x45, 0, UInt8(length >> 8), UInt8(length & 255), 0, 1, 0, 0, 64, protocolNumber, 0, 0]
        header += (source ?? packet.destination) + (destination ?? packet.source)
        set(checksum(header), at: 10, in: &header)
        return [UInt8](packet.frame[6..<12]) + hardware + [8, 0] + header + payload
    }

    private static func set(_ value: UInt16, at place: Int, in bytes: inout [UInt8]) {
        (bytes[place], bytes[place + 1]) = (UInt8(value >> 8), UInt8(value & 255))
    }

    /// RFC 1071.
    private static func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum = 0
        for (index, byte) in bytes.enumerated() { sum += Int(byte) << (index % 2 == 0 ? 8 : 0) }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        return ~UInt16(sum)
    }
}
