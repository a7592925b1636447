// The network card that the driver's tests meet: virtio 1.2, section 5.1, over VirtIOModel's queues; and frames to
// compare.

import Drivers

@testable import NetStack

/// A network card: frames that the driver sends collect in `sent`; frames in `toDeliver` go out as fast as there are
/// buffers.
final class NetModel: VirtIOModel {
    var sent: [[UInt8]] = []
    var toDeliver: [[UInt8]] = []
    private let hasShortHeader: Bool
    var merges: Bool { driverFeatures & 1 << 15 != 0 }
    var headerLength: Int { hasShortHeader && !merges ? 10 : 12 }
    /// With merged buffers: no more than this of a buffer is filled.
    var fill = Int.max
    /// Commands of the control queue: class, command and what belongs to it; and the answer.
    var orders: [[UInt8]] = []
    var answer: UInt8 = 0
    var wantsOwnHeader: Bool { isLegacy && driverFeatures & 1 << 27 == 0 }

    /// Frames for the pairs of queues from the second on, and as `sent`, by pair; how many pairs the driver wants.
    var steered: [[[UInt8]]]
    var sentThrough: [Int: [[UInt8]]] = [:]
    var pairsInUse = 1

    init(
        _ memory: TestMemory, isLegacy: Bool, features: UInt64 = 1 << 5 | 1 << 16 | 1 << 27, capacity: UInt32 = 256,
        pairs: Int = 1
    ) {
        hasShortHeader = isLegacy
        steered = Array(repeating: [], count: pairs)
        super.init(
            memory, id: 1, isLegacy: isLegacy, features: features,
            capacities: Array(repeating: capacity, count: 2 * pairs) + (features & 1 << 17 != 0 ? [64] : []),
            configuration: [0x52, 0x54, 0, 0x73, 0x77, 0x66, 1, 0, UInt8(pairs), 0, 0x78, 0x05])
    }

    /// The control queue is behind all pairs that there are, or could be.
    var controlQueue: Int { driverFeatures & 1 << 22 != 0 ? 2 * steered.count : 2 }

    override func wasReset() { pairsInUse = 1 }

    override func process(_ queue: Int, _ chain: [Segment]) -> UInt32? {
        if queue == controlQueue { return obey(chain) }
        guard queue > 1 else { return process(ofPair: queue, chain) }
        if queue % 2 == 1, queue / 2 >= pairsInUse { complaints.append("a frame through a pair that is not in use") }
        swap(&toDeliver, &steered[queue / 2])
        defer { swap(&toDeliver, &steered[queue / 2]) }
        let before = sent.count
        let written = process(ofPair: queue % 2, chain)
        sentThrough[queue / 2, default: []] += sent[before...]
        return written
    }

    private func process(ofPair queue: Int, _ chain: [Segment]) -> UInt32? {
        if wantsOwnHeader, unsafe chain.first?.bytes.count != headerLength || chain.count != 2 {
            complaints.append("header not alone")
        }
        if queue == 1 {
            if chain.contains(where: \.isWritable) { complaints.append("writable transmit descriptor") }
            let bytes = chain.flatMap { unsafe Array($0.bytes) }
            if bytes.count < headerLength { complaints.append("no header"); return 0 }
            sent.append(checksummed(Array(bytes.dropFirst(headerLength)), Array(bytes.prefix(headerLength))))
            return 0
        }
        guard !toDeliver.isEmpty else { return nil }
        var bytes = [UInt8](repeating: 0, count: headerLength) + toDeliver.removeFirst()
        bytes[0] = receiveFlags
        if receiveKind != 0 {
            bytes[1] = receiveKind
            (bytes[4], bytes[5]) = (UInt8(receiveSize & 255), UInt8(receiveSize >> 8))
        }
        if headerLength == 12 { bytes[10] = bufferCount }
        if merges, rest != nil || bytes.count > fill { return fillPart(&bytes, chain) }
        let count = UInt32(bytes.count)
        for segment in chain {
            if !segment.isWritable { complaints.append("readable receive descriptor") }
            let part = unsafe min(bytes.count, segment.bytes.count)
            unsafe segment.bytes.copyBytes(from: bytes.prefix(part))
            bytes.removeFirst(part)
        }
        if !bytes.isEmpty { complaints.append("receive buffer too small") }
        return count
    }

    /// What is left of a frame that goes into several buffers.
    private var rest: [UInt8]?

    private func fillPart(_ bytes: inout [UInt8], _ chain: [Segment]) -> UInt32? {
        var left: [UInt8]
        if let rest {
            toDeliver.insert(Array(bytes.dropFirst(headerLength)), at: 0)  // not its turn yet
            left = rest
        } else {
            bytes[10] = UInt8((bytes.count + fill - 1) / fill)
            left = bytes
        }
        var written: UInt32 = 0
        for segment in chain {
            let part = unsafe min(left.count, segment.bytes.count, fill - Int(written))
            unsafe segment.bytes.copyBytes(from: left.prefix(part))
            left.removeFirst(part)
            written += UInt32(part)
        }
        rest = left.isEmpty ? nil : left
        if rest != nil, toDeliver.isEmpty { toDeliver.append([]) }
        if rest == nil, toDeliver.first == [] { toDeliver.removeFirst() }
        return written
    }

    private func obey(_ chain: [Segment]) -> UInt32? {
        guard chain.count == 2, !chain[0].isWritable, chain[1].isWritable, unsafe chain[1].bytes.count == 1 else {
            complaints.append("a control command of a false form")
            return 0
        }
        let order = unsafe Array(chain[0].bytes)
        orders.append(order)
        if order.prefix(2) == [4, 0] {
            let wanted = order.count == 4 ? Int(order[2]) | Int(order[3]) << 8 : 0
            if wanted < 1 || wanted > steered.count { complaints.append("\(wanted) pairs of queues are wanted") }
            if answer == 0 { pairsInUse = wanted }
        }
        unsafe chain[1].bytes[0] = answer
        return 1
    }

    /// Flags of the header in front of what is delivered.
    var receiveFlags: UInt8 = 0
    /// num_buffers of that header where a frame has one buffer.
    var bufferCount: UInt8 = 1
    /// gso_type and gso_size of that header.
    var receiveKind: UInt8 = 0
    var receiveSize = 0
    /// Headers of large segments that were sent: gso_type, hdr_len and gso_size.
    var large: [[Int]] = []

    /// A frame as it goes onto the wire: with the checksum that its header asks for.
    private func checksummed(_ frame: [UInt8], _ header: [UInt8]) -> [UInt8] {
        guard header[0] == 1 else {
            if header.contains(where: { $0 != 0 }) { complaints.append("header not zero") }
            return frame
        }
        let start = Int(header[6]) | Int(header[7]) << 8, offset = Int(header[8]) | Int(header[9]) << 8
        if driverFeatures & 1 == 0 { complaints.append("checksum wanted from a device that makes none") }
        if header[1] != 0 {
            let needed = driverFeatures & (1 << 11)
            if needed == 0 || header[1] != 1 { complaints.append("a segmentation that was not agreed on") }
            large.append([Int(header[1]), Int(header[2]) | Int(header[3]) << 8, Int(header[4]) | Int(header[5]) << 8])
            return frame
        }
        if header[2...5].contains(where: { $0 != 0 }) || start + offset + 2 > frame.count {
            complaints.append("a header of impossible fields")
        }
        var frame = frame
        var checksum = Checksum()
        unsafe frame.withUnsafeBytes { unsafe checksum.add(RawSpan(_unsafeBytes: $0), from: start, to: frame.count) }
        frame[start + offset] = UInt8(checksum.value >> 8)
        frame[start + offset + 1] = UInt8(checksum.value & 255)
        return frame
    }

    func deliver(_ frames: [[UInt8]]) {
        toDeliver += frames
        run(0)
    }

    /// Into a pair of the driver's choice: the device has seen frames of the same flow there.
    func deliver(_ frames: [[UInt8]], through pair: Int) {
        guard pair > 0 else { return deliver(frames) }
        steered[pair] += frames
        run(2 * pair)
    }
}

typealias TestNet = VirtIONet<VirtIOMMIO<TestRegisters>, AnyQueue<TestDMA>>

func frame(_ count: Int, _ seed: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ seed) } }

func copy(_ packet: borrowing Packet) -> [UInt8] {
    var bytes: [UInt8] = []
    packet.forEachPart { part in unsafe part.withUnsafeBytes { unsafe bytes += $0 } }
    return bytes
}

func copied(_ packet: borrowing LentPacket?) -> [UInt8]? {
    switch packet {
    case .some(let packet):
        var bytes: [UInt8] = []
        packet.forEachPart { part in unsafe part.bytes.withUnsafeBytes { unsafe bytes += $0 } }
        return bytes
    case .none: return nil
    }
}

func copied(_ packet: borrowing Packet?) -> [UInt8]? {
    switch packet {
    case .some(let packet): copy(packet)
    case .none: nil
    }
}
