// A receive and a transmit queue of a network device (VirtIO 1.2, section 5.1.2), with the packets that the device has of
// them. A device has one pair, or several (VIRTIO_NET_F_MQ), of which a fault in one does not reach the others.
//
// VirtIONetReceive and VirtIONetTransmit have what is done with frames.

import Packets
import Storage

/// How a frame and the header before it become descriptors.
struct VirtIONetLayout<Memory: DMA> {
    /// Bytes of virtio_net_hdr in front of a frame.
    let headerLength: Int
    /// 2 when header and frame want a descriptor each: a legacy device without ANY_LAYOUT.
    let descriptorsPerPacket: UInt16

    /// Appends a buffer that begins with the header.
    func append<Queue: Virtqueue & ~Copyable>(
        _ buffer: DMABuffer<Memory>, _ direction: DMADirection, to chain: inout VirtqueueChain, of queue: inout Queue
    ) {
        buffer.giveToDevice(direction)
        let header = descriptorsPerPacket == 1 ? 0 : headerLength
        if header > 0 { queue.append(buffer.deviceAddress, byteCount: UInt32(header), direction, to: &chain) }
        queue.append(
            buffer.deviceAddress + UInt64(header), byteCount: UInt32(truncatingIfNeeded: buffer.byteCount &- header),
            direction, to: &chain)
    }
}

struct VirtIONetPair<Transport: VirtIOTransport, Queue: Virtqueue & ~Copyable>: ~Copyable {
    typealias Memory = Queue.Memory

    let transport: Transport
    let memory: Memory
    let pool: PacketPool
    var receiveQueue: Queue
    var transmitQueue: Queue
    /// What the device holds, by first descriptor.
    let received: RingTable<Packet?>
    let sent: RingTable<LentPacket?>
    let layout: VirtIONetLayout<Memory>
    let mergesBuffers: Bool
    let capabilities: NetworkCapabilities
    /// Of the whole device.
    var mtu = 1500
    /// Buffers that the device has for receiving, and how many it should have.
    var posted = 0
    var wanted = 0
    /// As many as the ring has room for.
    let mostWanted: Int
    /// The device may interrupt for frames that it has sent.
    var awaitsRoom = false
    /// Frames of a program's rings were sent since the last `reclaim`, and until when (nanoseconds) what was sent stays
    /// at its place, where the next ones use it again.
    var hasSentOfRings = false
    var keepsSentUntil: UInt64 = 0
    /// Frames were submitted since the last notification.
    var hasUnkicked = false
    /// A queue turned out to be broken: the device is to be looked at.
    var isSuspicious = false
    /// False ids of both queues when they were last reset.
    private var badIDsBefore = 0
    var counters = VirtIONetCounters()

    /// Allocates the queues. Between FEATURES_OK and DRIVER_OK.
    /// - Parameters:
    ///   - number: of the pair, from 0 on: its queues are 2 × number and the next (section 5.1.2).
    ///   - features: what both sides agreed on.
    init(
        _ number: Int, of transport: Transport, in memory: Memory, pool: PacketPool, features: UInt64
    ) throws(VirtIOError) {
        let needsOwnHeader = transport.isLegacy && features & VirtIOFeature.anyLayout == 0
        let hasIndirect = features & VirtIOFeature.indirectDescriptors != 0
        let index = UInt16(truncatingIfNeeded: 2 &* number)
        var options = VirtqueueOptions(features)
        if hasIndirect, needsOwnHeader { options.indirectCapacity = 2 }  // header and buffer
        let receiveQueue = try Queue(index, of: transport, in: memory, options: options)
        if hasIndirect { options.indirectCapacity = 2 }  // header and frame, or a frame in two parts
        let transmitQueue = try Queue(index &+ 1, of: transport, in: memory, options: options)
        guard let received = RingTable<Packet?>(entries: Int(receiveQueue.size), in: memory, { nil }),
            let sent = RingTable<LentPacket?>(entries: Int(transmitQueue.size), in: memory, { nil })
        else { throw transport.refuse(.noMemory) }
        // A local: an autoclosure over a half-made noncopyable self destroys its fields twice (Swift 6.3.1).
        let mergesBuffers = features & VirtIONetFeature.mergedBuffers != 0
        layout = VirtIONetLayout(
            headerLength: VirtIONetHeader.byteCount(isLegacy: transport.isLegacy, mergesBuffers: mergesBuffers),
            descriptorsPerPacket: needsOwnHeader ? 2 : 1)
        mostWanted = max(1, Int(receiveQueue.size) / Int(receiveQueue.placesNeeded(needsOwnHeader ? 2 : 1)))
        self.mergesBuffers = mergesBuffers
        capabilities = VirtIONetFeature.capabilities(of: features)
        self.received = received
        self.sent = sent
        self.transport = transport
        self.memory = memory
        self.pool = pool
        self.receiveQueue = receiveQueue
        self.transmitQueue = transmitQueue
        self.transmitQueue.maskInterrupts()  // sent packets are collected when there is reason to look
    }

    /// Says how many buffers the device should have of this pair. Fewer are what it has when it has used some.
    mutating func receive(intoAtMost buffers: Int) { wanted = min(buffers, mostWanted) }

    // MARK: Trust

    /// Used elements of a false id.
    var badUsedIDs: Int { receiveQueue.badUsedIDs + transmitQueue.badUsedIDs }

    /// Whether a queue broke, or gave back so many false ids that too few buffers are left.
    var needsReset: Bool {
        receiveQueue.isBroken || transmitQueue.isBroken
            || VirtIONetRecovery.isTooMuch(badUsedIDs &- badIDsBefore, ofBuffers: wanted)
    }

    mutating func lookForFalsePlaces() {
        receiveQueue.lookForFalsePlaces()
        transmitQueue.lookForFalsePlaces()
    }

    mutating func breakOff() {
        receiveQueue.breakOff()
        transmitQueue.breakOff()
    }

    /// Resets the queue alone that went wrong, or both where that is not known.
    /// - Returns: false when the device does not do that.
    mutating func resetQueues() throws(VirtIOError) -> Bool {
        let isReceiving = receiveQueue.isBroken || !transmitQueue.isBroken
        let isSending = transmitQueue.isBroken || !receiveQueue.isBroken
        if isReceiving {
            guard transport.reset(receiveQueue.number) else { return false }
            freeReceived()
            try receiveQueue.restart(of: transport)
        }
        if isSending {
            guard transport.reset(transmitQueue.number) else { return false }
            freeSent()
            try restartTransmitQueue()
        }
        noteReset()
        return true
    }

    /// Gives the queues anew to a device that was reset, and holds nothing any more.
    mutating func restart() throws(VirtIOError) {
        freeAll()
        try receiveQueue.restart(of: transport)
        try restartTransmitQueue()
        noteReset()
    }

    private mutating func restartTransmitQueue() throws(VirtIOError) {
        try transmitQueue.restart(of: transport)
        transmitQueue.maskInterrupts()
        (awaitsRoom, hasUnkicked) = (false, false)
    }

    private mutating func noteReset() {
        badIDsBefore = badUsedIDs
        isSuspicious = false
    }

    /// The device holds no packet any more.
    mutating func freeAll() {
        freeReceived()
        freeSent()
    }

    private mutating func freeReceived() {
        for i in 0..<receiveQueue.size { received[i] = nil }
        posted = 0
    }

    private mutating func freeSent() { for i in 0..<transmitQueue.size { sent[i] = nil } }
}
