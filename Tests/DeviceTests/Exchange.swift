// The same trial for every network card: frames of every size both ways, bursts that wrap its ring, an overflow. What
// is wrong comes back as words, so that a trial that must fail can be tested too.

import Drivers
import Foundation
import NetStack
import QTest
import Testing

func check(_ condition: Bool, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(condition, comment, sourceLocation: sourceLocation)
}

/// One card at work: the driver object, the wire, and the packets.
struct Exchange<Device: NetworkDevice & ~Copyable>: ~Copyable {
    var device: Device
    let wire: QTestWire
    let pool: PacketPool
    var problems: [String] = []
    /// So many, and the trial is over.
    var problemLimit = 5
    /// Seconds without a frame after which none is expected any more. Far more than it takes on a busy machine.
    var patience: Double = 10
    private let start = Date()

    init(_ device: consuming Device, _ wire: QTestWire, _ pool: PacketPool) {
        self.device = device
        self.wire = wire
        self.pool = pool
    }

    private var now: UInt64 { UInt64(Date().timeIntervalSince(start) * 1e9) + 1 }

    /// To the card, or from it; every byte depends on its place and on `seed`.
    static func frame(_ count: Int, _ seed: Int, to destination: [UInt8] = [0x52, 0x54, 0, 0x73, 0x77, 0x66]) -> [UInt8]
    {
        destination + (6..<max(6, count)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ seed &* 13 &+ ($0 >> 8)) }
    }

    /// What `NetStack.poll` does with a device.
    mutating func poll(_ arrived: inout [[UInt8]]) {
        device.reclaim(now: now)
        var turns = 0
        repeat {
            while let packet = device.receive() {
                let bytes = packet.bytes
                arrived.append((0..<packet.count).map { bytes.byte($0) })
            }
            device.reclaim(now: now)
            turns += 1
        } while device.rearm() && turns < 100
        if turns == 100 { problems.append("rearm does not end") }
    }

    /// Polls until so many frames have come, or none comes any more.
    mutating func collect(_ count: Int, seconds: Double = 5) -> [[UInt8]] {
        var arrived: [[UInt8]] = []
        var deadline = Date(timeIntervalSinceNow: seconds)
        while arrived.count < count, Date() < deadline {
            let before = arrived.count
            poll(&arrived)
            if arrived.count > before { deadline = Date(timeIntervalSinceNow: seconds) } else { usleep(500) }
        }
        return arrived
    }

    mutating func send(_ bytes: [UInt8]) -> Bool {
        guard var packet = pool.take() else {
            problems.append("the pool is empty")
            return false
        }
        packet.resize(to: bytes.count)
        var span = packet.mutableBytes
        for (i, byte) in bytes.enumerated() { span.setByte(byte, i) }
        let isTaken = device.transmit(LentPacket(packet)) == nil
        device.flush()
        return isTaken
    }

    private func isSame(_ got: [UInt8], _ wanted: [UInt8]) -> Bool {
        got.count >= wanted.count && got.count <= max(60, wanted.count) && got.starts(with: wanted)
            && got.dropFirst(wanted.count).allSatisfy { $0 == 0 }
    }

    mutating func goesOut(_ bytes: [UInt8]) {
        guard send(bytes) else { return problems.append("\(bytes.count) bytes were not taken") }
        guard let sent = wire.receive() else { return problems.append("\(bytes.count) bytes did not arrive outside") }
        if !isSame(sent, bytes) { problems.append("\(bytes.count) bytes arrived outside as \(sent.count) others") }
    }

    mutating func comesIn(_ frames: [[UInt8]]) {
        for frame in frames where !wire.send(frame) { problems.append("QEMU does not take a frame of \(frame.count)") }
        let arrived = collect(frames.count, seconds: patience)
        guard arrived.count == frames.count else {
            return problems.append("\(frames.count) frames were sent, \(arrived.count) came in")
        }
        for (got, wanted) in zip(arrived, frames) where !isSame(got, wanted) {
            problems.append("\(wanted.count) bytes came in as \(got.count) others")
        }
    }

    /// - Parameter step: from one size to the next.
    mutating func everySize(step: Int) {
        for count in stride(from: 14, through: 1514, by: step) where problems.count < problemLimit {
            goesOut(Self.frame(count, count, to: [0x52, 0x55, 0x0a, 0, 2, 2]))
            comesIn([Self.frame(count, count)])
        }
        if problems.count < problemLimit {
            goesOut(Self.frame(1514, 3))
            comesIn([Self.frame(1514, 4)])
        }
    }

    /// Bursts of several frames, so often that a ring of 13 KiB goes around many times, its end falling anywhere in a
    /// frame.
    mutating func bursts(_ count: Int) {
        for turn in 0..<count where problems.count < problemLimit {
            comesIn((0..<4).map { Self.frame(60 + (turn * 397 + $0 * 611) % 1455, turn + $0) })
        }
    }

    /// More than any ring holds comes while the ring is not drained. What comes in is whole and in order, and the card
    /// works at once after.
    mutating func overload() {
        let frames = (0..<400).map { Self.frame(1000 + $0, $0) }
        for frame in frames where !wire.send(frame, waiting: false) { usleep(2000) }  // QEMU itself may have enough
        usleep(200_000)
        var next = 0
        for frame in collect(frames.count, seconds: 1.5) {
            guard let place = frames[next...].firstIndex(of: frame) else {
                return problems.append("overload: a frame that was not sent")
            }
            next = place + 1
        }
        if next == 0 { problems.append("overload: nothing came in") }
        comesIn([Self.frame(99, 1)])
        goesOut(Self.frame(98, 2))
    }
}

/// Packets in memory of the host's.
func hostPool(packets: Int = 64) -> PacketPool {
    let bytes = (packets + 1) * PacketPool.bufferSize
    return unsafe PacketPool(memory: .allocate(byteCount: bytes, alignment: 64), byteCount: bytes)!
}

/// The comment of a test that is left out: what it needs.
func missing(_ architecture: QTestArchitecture) -> Comment {
    architecture == .i386
        ? "qemu-system-i386 is missing: apt-get install qemu-system-x86"
        : "qemu-system-riscv64 is missing: apt-get install qemu-system-misc"
}
