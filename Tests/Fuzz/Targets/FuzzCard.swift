// The card of the stack under test: a cable for one frame at a time, and a look at all that is sent.

import NetStack

final class FuzzCable {
    var incoming: [UInt8]?
    var questions = Questions()
    var framesSent = 0

    /// Whatever came in, what goes out is in order.
    func check(_ frame: [UInt8]) {
        precondition(
            frame.count >= EthernetHeader.byteCount && frame.count <= 1514, "a frame of a length that no Ethernet has")
        precondition(frame[6] & 1 == 0, "a frame from a group")
        if frame[12] == 8, frame[13] == 0 {
            let packet = Array(frame[14...])
            do {
                let header = try unsafe IPv4Header(parsing: packet.span.bytes)  // bytes have no padding
                precondition(header.totalLength == packet.count, "a packet sent with a length that is not its own")
            } catch {
                preconditionFailure("a packet sent with a header that no parser accepts")
            }
        }
        framesSent += 1
        questions.note(frame)
    }
}

struct FuzzCard: NetworkDevice, ~Copyable {
    let cable: FuzzCable
    let pool: PacketPool
    var hardwareAddress: EthernetAddress { EthernetAddress(0x52, 0x54, 0, 0x73, 0x77, 0x66) }
    var mtu: Int { 1500 }
    var capabilities: NetworkCapabilities { [] }
    var isLinkUp: Bool { true }
    var patience: UInt64 { .max }

    mutating func transmit(_ frame: consuming LentPacket) -> LentPacket? {
        var bytes: [UInt8] = []
        // Copied while the part is there.
        frame.forEachPart { part in unsafe part.bytes.withUnsafeBytes { unsafe bytes += $0 } }
        cable.check(bytes)
        return nil
    }

    mutating func receive() -> Packet? {
        guard let bytes = cable.incoming.take() else { return nil }
        return pool.packet(bytes)
    }

    mutating func flush() {}
    mutating func reclaim(now: UInt64) {}
    mutating func accept(_ filter: ReceiveFilter) {}
    mutating func rearm() -> Bool { false }
}
