// A train: one frame or datagram in several coupled buffers. Headers lie in the first, payload in all.
//
// Promise: parts are coupled and uncoupled, never copied together. A train goes where a packet goes, queues and devices
// included; its parts come and leave as one.

extension Packet {
    /// Whether there are buffers behind the first.
    @inline(__always) public var hasRest: Bool { buffer.rest != nil }

    /// Bytes in all buffers.
    @inline(__always) public var totalCount: Int { buffer.totalCount }

    /// Buffers of the train.
    @inline(__always) public var partCount: Int { buffer.partCount }

    /// Couples a packet, perhaps a train, behind the last buffer.
    public mutating func append(part: consuming Packet) { buffer.last.rest = part.release() }

    /// Uncouples what lies behind the first buffer; nil when there is nothing.
    @inline(__always)
    public mutating func takeRest() -> Packet? {
        guard let rest = buffer.rest else { return nil }
        buffer.rest = nil
        return Packet(owning: rest)
    }

    /// Uncouples the buffers from the first on whose bytes are no more than `byteCount` together; nil, and no change,
    /// when the first alone has more, or all have no more.
    public mutating func takeFront(upTo byteCount: Int) -> Packet? {
        var last: PacketBuffer?
        var left = byteCount, next: PacketBuffer? = buffer
        while let part = next, part.count <= left {
            left &-= part.count
            last = part
            next = part.rest
        }
        guard let last, let rest = next else { return nil }
        last.rest = nil
        let front = consume self
        self = Packet(owning: rest)
        return front
    }

    /// Cuts the train so that `byteCount` bytes are left. False, and no change, when it holds fewer.
    @inline(__always) @discardableResult
    public mutating func truncate(to byteCount: Int) -> Bool {
        guard buffer.rest != nil else {
            guard byteCount >= 0, byteCount <= count else { return false }
            buffer.end = buffer.start &+ byteCount
            return true
        }
        return truncateTrain(to: byteCount)
    }

    @inline(never)
    private mutating func truncateTrain(to byteCount: Int) -> Bool {
        guard byteCount >= 0, byteCount <= totalCount else { return false }
        var part = buffer
        var left = byteCount
        while left > part.count, let next = part.rest {
            left &-= part.count
            part = next
        }
        part.end = part.start &+ left
        if let rest = part.rest {
            part.rest = nil
            _ = Packet(owning: rest)
        }
        return true
    }

    /// Takes bytes off the front of the train; buffers that become empty leave, but for the last. False, and no change,
    /// when there are fewer.
    public mutating func trimTrain(_ byteCount: Int) -> Bool {
        guard byteCount >= 0, byteCount <= totalCount else { return false }
        var left = byteCount
        while left > count, let rest = takeRest() {
            left &-= count
            self = rest
        }
        return trimFront(left)
    }

    /// Calls `body` with the bytes of each part, the first one first.
    public func forEachPart(_ body: (RawSpan) -> Void) {
        body(bytes)
        var next = buffer.rest
        while let part = next {
            next = part.rest
            // In bounds and alive: a part is owned by the train, and the span does not outlive the call.
            body(unsafe RawSpan(_unsafeStart: part.firstByte, byteCount: part.count))
        }
    }

    /// The same bytes in packets of their own; nil when the pool has too few.
    @inline(never)
    public func copied(from pool: PacketPool, for share: PacketShare = .receiving) -> Packet? {
        var pieces = PacketQueue()
        var next: PacketBuffer? = buffer
        while let part = next {
            next = part.rest
            var done = 0
            repeat {
                guard var copy = pool.take(share) else { return nil }
                let count = min(part.count &- done, copy.tailroom)
                // In bounds: no more than the part holds behind `done`, and than is free in the copy.
                unsafe copy.buffer.firstByte.copyMemory(from: part.firstByte + done, byteCount: count)
                copy.resize(to: count)
                pieces.append(copy)
                done &+= count
            } while done < part.count
        }
        return pieces.coupled()
    }

    /// Appends a copy of the bytes of a train, as many as there is room for. Returns how many.
    @discardableResult
    public mutating func copyIn(_ source: borrowing Packet, limit: Int = .max) -> Int {
        var next: PacketBuffer? = source.buffer
        let first = count
        while let part = next {
            let taken = min(part.count, tailroom, limit &- (count &- first))
            guard taken > 0 || part.count == 0 else { break }
            // In bounds: `taken` is at most what the part holds and what is free here; two packets never share bytes.
            unsafe (buffer.firstByte + count).copyMemory(from: part.firstByte, byteCount: taken)
            buffer.end = buffer.end &+ taken
            next = part.rest
        }
        return count &- first
    }
}

extension PacketQueue {
    /// Copies a packet of one buffer behind the last one's bytes. False, and nothing done, when that is a train or has
    /// no room.
    public mutating func absorb(_ packet: borrowing Packet) -> Bool {
        guard var last = removeLastForChange() else { return false }
        let fits = !last.hasRest && !packet.hasRest && packet.count <= last.tailroom
        if fits { last.copyIn(packet) }
        restoreLast(last)
        return fits
    }
}

extension Packet {
    /// The first bytes of a train in packets of their own; nil when the pool has too few.
    public func copiedFront(_ byteCount: Int, from pool: PacketPool) -> Packet? {
        var pieces = PacketQueue()
        var left = min(byteCount, totalCount)
        var isShort = false
        forEachPart { part in
            var done = 0
            while left > 0, done < part.byteCount, !isShort {
                guard var copy = pool.take() else {
                    isShort = true
                    return
                }
                let count = min(left, part.byteCount - done, copy.tailroom)
                copy.resize(to: count)
                // In bounds: as many bytes as both have.
                unsafe part.withUnsafeBytes {
                    unsafe copy.buffer.firstByte.copyMemory(
                        from: $0.baseAddress.unsafelyUnwrapped + done, byteCount: count)
                }
                pieces.append(copy)
                done += count
                left -= count
            }
        }
        return isShort ? nil : pieces.coupled()
    }
}
