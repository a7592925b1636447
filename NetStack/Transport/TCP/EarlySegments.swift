// Segments that came before others (RFC 9293, 3.10.7.4: they should be kept), and the blocks that say so (RFC 2018).

extension Packet {
    /// Where in the stream a packet that waits begins.
    var streamSequence: SequenceNumber {
        get { SequenceNumber(UInt32(truncatingIfNeeded: self[note: 1])) }
        nonmutating set { self[note: 1] = UInt64(newValue.bits) }
    }
}

extension TCPReceiver {
    /// Keeps a payload until what is missing before it has come.
    mutating func keep(
        _ payload: consuming Packet, at start: SequenceNumber, _ intake: inout Intake, _ share: inout ReceiveShare
    ) {
        intake.isUrgent = true
        let end = start + payload.totalCount
        var sequence = start
        // What is there already goes off the front, and off the end; what lies behind another packet comes again.
        var stop = end
        early.forEach { other in
            let first = other.streamSequence, last = first + other.totalCount
            if first <= sequence, sequence < last { sequence = .earlier(last, end) }
            if first > sequence, first < stop { stop = first }
        }
        if sequence > start { noteDuplicate(start, sequence, &intake) }
        guard sequence < stop else { return noteBlock(around: start) }
        guard payload.trimTrain(sequence - start) else { return }
        payload.truncate(to: stop - sequence)
        let parts = payload.partCount
        guard sequence > next else {
            // What is missing must find room, or nothing moves again: what was kept behind it comes once more.
            if !share.take(parts, held: held) { dropEarly(&share) } else { share.giveBack(parts) }
            append(payload, &intake, &share)
            return takeEarly(&intake, &share)
        }
        // Small pieces pin whole packets: no more of them than full segments would take.
        guard payload.mayWait, early.count < max(16, bufferLimit / 1024), share.take(parts, held: held) else {
            intake.refused += 1
            return
        }
        held += parts
        earlyHeld += parts
        _ = payload.move(to: .receiving)
        payload.streamSequence = sequence
        early.insert(payload) { $0.streamSequence > sequence }
        noteBlock(around: sequence)
    }

    /// Forgets what came before others, though it was announced (RFC 2018, 8).
    private mutating func dropEarly(_ share: inout ReceiveShare) {
        early.removeAll()
        share.giveBack(earlyHeld)
        held -= earlyHeld
        earlyHeld = 0
        blockCount = 0
    }

    /// Moves what is in order now to the program's queue.
    private mutating func takeEarly(_ intake: inout Intake, _ share: inout ReceiveShare) {
        while let packet = early.removeFirst() {
            let start = packet.streamSequence
            guard start <= next else {
                early.prepend(packet)
                break
            }
            let parts = packet.partCount
            held -= parts
            share.giveBack(parts)
            earlyHeld -= parts
            guard start == next else { continue }  // the packet before it found no room
            append(packet, &intake, &share)
        }
        removeOldBlocks()
    }

    // MARK: Blocks

    /// The run of bytes around a number becomes the first block; those that it contains go.
    private mutating func noteBlock(around number: SequenceNumber) {
        var block: SACKBlock?
        var run: SACKBlock?
        early.forEach { packet in
            let start = packet.streamSequence, end = start + packet.totalCount
            if let old = run, old.end == start { run = SACKBlock(old.start, end) } else { run = SACKBlock(start, end) }
            if let run, run.start <= number, number < run.end { block = run }
            if let known = block, let run, run.start == known.start { block = run }
        }
        guard let block else { return removeOldBlocks() }
        var others = InlineArray<4, SACKBlock>(repeating: .none)
        others[0] = block
        var count = 1
        for i in 0..<blockCount where count < 4 {
            let old = blocks[i]
            if old.start >= block.start, old.end <= block.end { continue }
            others[count] = old
            count += 1
        }
        blocks = others
        blockCount = count
        removeOldBlocks()
    }

    private mutating func removeOldBlocks() {
        var count = 0
        for i in 0..<blockCount where blocks[i].end > next {
            blocks[count] = blocks[i]
            count += 1
        }
        blockCount = count
    }

    /// Bytes came that were there already: the next ACK says which (RFC 2883), and goes out at once.
    mutating func noteDuplicate(_ start: SequenceNumber, _ end: SequenceNumber, _ intake: inout Intake) {
        duplicate = SACKBlock(start, end)
        intake.isUrgent = true
    }

    /// Adds to an ACK's options what the peer should know of, as many blocks as there is room for.
    mutating func addBlocks(to options: inout TCPOptions) {
        var room = options.timestamp == nil ? 4 : 3
        if let duplicate {
            options.append(duplicate)
            room -= 1
            self.duplicate = nil
        }
        for i in 0..<min(blockCount, room) { options.append(blocks[i]) }
    }
}
