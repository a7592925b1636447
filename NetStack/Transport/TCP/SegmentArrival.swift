// What a segment does to a connection (RFC 9293, 3.10.7.3 and 3.10.7.4, with RFC 5961 against blind attacks and RFC
// 7323's test of timestamps).

/// A segment as it came, its payload apart.
struct TCPSegment {
    var header: TCPHeader
    var options: TCPOptions
    /// Bytes of payload.
    var count: Int
    /// The packet had a congestion mark (RFC 3168).
    var isMarked = false

    var flags: TCPFlags { header.flags }
    /// Sequence numbers that it takes.
    var length: Int { count + (flags.contains(.syn) ? 1 : 0) + (flags.contains(.fin) ? 1 : 0) }

    /// The answer of a host that knows of no connection (RFC 9293, 3.10.7.1).
    var refusal: TCPReply {
        if flags.contains(.rst) { return .none }
        return flags.contains(.ack)
            ? .reset(header.acknowledgment) : .resetAcknowledging(header.sequence + length)
    }
}

/// What `arrive` needs of the stack.
struct ArrivalContext {
    let now: Instant
    let mtu: Int
    var share: ReceiveShare
    /// Payloads that found no room.
    var refused = 0
}

extension TCPConnection {
    /// Takes a segment. Returns the answer that is due besides what there is to send.
    mutating func arrive(
        _ segment: TCPSegment, _ payload: consuming Packet, _ context: inout ArrivalContext
    ) -> TCPReply {
        if state == .synSent { return arriveInSynSent(segment, payload, &context) }
        let header = segment.header
        if usesTimestamps, !segment.flags.contains(.rst), let reply = checkTimestamp(segment, now: context.now) {
            return reply
        }
        if !receiver.isAcceptable(header.sequence, length: segment.length) {
            return arriveOutside(segment, payload, &context)
        }
        // RFC 7323, 5.3 (R3), and 5.5: one of long ago says nothing any more.
        if let timestamp = segment.options.timestamp, usesTimestamps, header.sequence <= receiver.lastAcknowledged,
            Int32(bitPattern: timestamp.value &- receiver.recentTimestamp) >= 0
                || context.now - receiver.recentSince >= TCPTime.timestampLife
        {
            receiver.recentTimestamp = timestamp.value
            receiver.recentSince = context.now
        }
        if segment.flags.contains(.rst) { return arriveReset(header) }
        if segment.flags.contains(.syn) { return .challenge }  // RFC 5961, 4.2
        guard segment.flags.contains(.ack) else { return .none }
        lastHeard = context.now
        setKeepAlive(now: context.now)
        if state == .synReceived {
            guard header.acknowledgment == sender.next else { return .reset(header.acknowledgment) }
            sender.timer = .never
            establish(now: context.now)
        }
        if let reply = acknowledge(segment, context) { return reply }
        guard isUsed, state != .closed else { return .none }
        return takePayload(segment, payload, &context)
    }

    // MARK: Checks

    /// PAWS (RFC 7323, 5.3): nil when the segment is not an old one.
    private mutating func checkTimestamp(_ segment: TCPSegment, now: Instant) -> TCPReply? {
        guard let timestamp = segment.options.timestamp else { return TCPReply.none }
        guard Int32(bitPattern: timestamp.value &- receiver.recentTimestamp) < 0 else { return nil }
        guard now - receiver.recentSince < TCPTime.timestampLife else { return nil }
        if segment.count > 0 {
            receiver.duplicate = SACKBlock(segment.header.sequence, segment.header.sequence + segment.count)
        }
        return mayAnswer(segment, now: now) ? .acknowledgment : TCPReply.none
    }

    /// Whether a segment that changes nothing is answered: one without data twice a second, or two ends that disagree
    /// would answer each other for ever (RFC 5961, 7).
    private mutating func mayAnswer(_ segment: TCPSegment, now: Instant) -> Bool {
        guard segment.length == 0 else { return true }
        guard lastAnswered == .start || now - lastAnswered >= TCPTime.bareAnswerInterval else { return false }
        lastAnswered = now
        return true
    }

    /// A segment outside the window: an ACK says where this side stands. With a window of 0 what it acknowledges
    /// counts all the same (RFC 9293, 3.10.7.4).
    private mutating func arriveOutside(
        _ segment: TCPSegment, _ payload: consuming Packet, _ context: inout ArrivalContext
    ) -> TCPReply {
        if segment.flags.contains(.rst) { return .none }
        if segment.flags.contains(.syn), state.isSynchronized { return .challenge }
        let sequence = segment.header.sequence
        if segment.count > 0, sequence + segment.count <= receiver.next {
            receiver.duplicate = SACKBlock(sequence, sequence + segment.count)
        }
        if receiver.window == 0, sequence == receiver.next, segment.flags.contains(.ack), state.isSynchronized {
            lastHeard = context.now
            keepAliveProbes = 0
            if let reply = acknowledge(segment, context) { return reply }
        }
        return mayAnswer(segment, now: context.now) ? .acknowledgment : .none
    }

    /// RFC 5961, 3.2: only the very next number resets.
    private mutating func arriveReset(_ header: TCPHeader) -> TCPReply {
        guard header.sequence == receiver.next else { return .challenge }
        switch state {
        case .closing, .lastAck, .timeWait: fail(nil)
        case .synReceived: fail(.refused)
        default: fail(.connectionReset)
        }
        return .none
    }

    // MARK: Acknowledgments

    /// Returns an answer when the segment is to be dropped.
    private mutating func acknowledge(_ segment: TCPSegment, _ context: ArrivalContext) -> TCPReply? {
        let number = segment.header.acknowledgment
        if number > sender.next { return mayAnswer(segment, now: context.now) ? .acknowledgment : TCPReply.none }
        if number < sender.unacknowledged {
            // RFC 5961, 5.2: older than any that could be on its way.
            return number < sender.unacknowledged + -max(sender.greatestWindow, 1) ? .challenge : nil
        }
        let window = Int(segment.header.window) << Int(sender.windowShift)
        let isUpdate = window != sender.window
        let hadRoom = sender.room > 0
        let progress = number > sender.unacknowledged
        sender.take(
            Acknowledgment(
                number: number, options: segment.options,
                echo: usesTimestamps ? segment.options.timestamp?.echo : nil, clock: clock(context.now),
                isBare: segment.length == 0 && !isUpdate,
                isMarked: usesECN && segment.flags.contains(.ece), now: context.now))
        updateWindow(segment, window)
        if progress {
            attempts = 0
            unansweredSince = sender.outstanding > 0 ? context.now : .never
        }
        if progress, sender.room > 0, !hadRoom || sender.room >= sender.bufferLimit / 3 { events.insert(.changed) }
        if sender.isFINAcknowledged { finAcknowledged(now: context.now) }
        return nil
    }

    /// SND.WL1 and SND.WL2: an older segment does not say what the window is.
    private mutating func updateWindow(_ segment: TCPSegment, _ window: Int) {
        let sequence = segment.header.sequence, number = segment.header.acknowledgment
        guard
            sender.windowSequence < sequence
                || (sender.windowSequence == sequence && sender.windowAcknowledgment <= number)
        else { return }
        if sender.window < window, sender.timerKind == .persist {
            sender.timer = .never
            sender.persistProbes = 0
        }
        sender.window = window
        sender.greatestWindow = max(sender.greatestWindow, window)
        sender.windowSequence = sequence
        sender.windowAcknowledgment = number
    }

    private mutating func finAcknowledged(now: Instant) {
        switch state {
        case .finWait1:
            state = .finWait2
            events.insert(.changed)
            if isOrphan { endTimer = now + TCPTime.finWait2 }
        case .closing: events.insert([.waits, .changed])
        case .lastAck: fail(nil)
        default: break
        }
    }

    // MARK: Payload

    private mutating func takePayload(
        _ segment: TCPSegment, _ payload: consuming Packet, _ context: inout ArrivalContext
    ) -> TCPReply {
        noteMarks(segment)
        guard segment.count > 0 || segment.flags.contains(.fin) else { return .none }
        guard state.mayReceive else {
            // After its FIN a peer sends nothing new.
            receiver.owesAck = true
            return .none
        }
        // No program can read it any more: the peer is to know (RFC 1122, 4.2.2.13).
        if segment.count > 0, isOrphan, segment.header.sequence + segment.count > receiver.next {
            fail(nil)
            return .reset(segment.header.acknowledgment)
        }
        let before = receiver.next
        var intake = receiver.take(
            payload, at: segment.header.sequence, isLast: segment.flags.contains(.fin), now: context.now,
            &context.share)
        context.refused += intake.refused
        // The program reads no more: what comes is acknowledged and dropped.
        if receiver.isShut { receiver.dropQueue(&context.share) }
        receiver.growth.arrived(upTo: receiver.next, window: receiver.window, now: context.now)
        if intake.refused > 0 { intake.isUrgent = true }
        scheduleAck(intake, received: receiver.next - before, now: context.now)
        if intake.isReadable { events.insert(.changed) }
        if intake.isFinished { peerFinished(now: context.now) }
        return .none
    }

    /// RFC 5681, 4.2: at the latest every second full segment is acknowledged at once.
    private mutating func scheduleAck(_ intake: Intake, received: Int, now: Instant) {
        receiver.unacknowledged += received
        if intake.isUrgent || receiver.unacknowledged >= 2 * receiver.segmentSize || receiver.quick > 0 {
            if receiver.quick > 0 { receiver.quick -= 1 }
            receiver.owesAck = true
        } else if receiver.ackTimer == .never {
            receiver.ackTimer = now + TCPTime.delayedAck
        }
    }

    private mutating func noteMarks(_ segment: TCPSegment) {
        guard usesECN else { return }
        if segment.flags.contains(.cwr) { receiver.isMarked = false }
        if segment.isMarked {
            receiver.isMarked = true
            receiver.owesAck = true
        }
    }

    /// The peer's FIN is in order.
    private mutating func peerFinished(now: Instant) {
        switch state {
        case .established, .synReceived: state = .closeWait
        case .finWait1:
            if sender.isFINAcknowledged { events.insert(.waits) } else { state = .closing }
        case .finWait2: events.insert(.waits)
        default: break
        }
        events.insert(.changed)
    }

    // MARK: SYN-SENT

    /// RFC 9293, 3.10.7.3.
    private mutating func arriveInSynSent(
        _ segment: TCPSegment, _ payload: consuming Packet, _ context: inout ArrivalContext
    ) -> TCPReply {
        let header = segment.header
        let hasAck = segment.flags.contains(.ack)
        if hasAck, header.acknowledgment <= sender.initial || header.acknowledgment > sender.next {
            return segment.flags.contains(.rst) ? .none : .reset(header.acknowledgment)
        }
        if segment.flags.contains(.rst) {
            if hasAck { fail(.refused) }
            return .none
        }
        guard segment.flags.contains(.syn) else { return .none }
        receiver.start(at: header.sequence)
        receiver.recentSince = context.now
        agree(segment.options, window: Int(header.window), mtu: context.mtu)
        sender.windowSequence = header.sequence
        sender.windowAcknowledgment = header.acknowledgment
        guard hasAck else {
            // Both sides opened at once: this side's SYN goes out again, with an ACK.
            usesECN = usesECN && segment.flags.isSuperset(of: [.ece, .cwr])
            state = .synReceived
            sender.timer = .never
            attempts = 0
            lastHeard = context.now
            return .none
        }
        usesECN = usesECN && segment.flags.intersection([.ece, .cwr]) == .ece
        if attempts == 1 {
            sender.roundTrip.measured(context.now - sender.lastSent, now: context.now)
        } else {
            sender.roundTrip.synWasLost()
        }
        sender.unacknowledged = header.acknowledgment
        sender.timer = .never
        establish(now: context.now)
        receiver.owesAck = true
        guard segment.count > 0 || segment.flags.contains(.fin) else { return .none }
        // What came with the SYN counts from the number behind it.
        var rest = segment
        rest.header.sequence = header.sequence + 1
        rest.header.flags.remove(.syn)
        return takePayload(rest, payload, &context)
    }
}
