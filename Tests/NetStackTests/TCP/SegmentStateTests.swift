// Each kind of segment in each state: what is answered, and which state follows (RFC 9293, 3.10.7; RFC 5961; RFC
// 1337). A cell is the answer (`-` none, `a` an ACK that says where this side stands, `r` a RST, `s` a SYN with an ACK)
// and, behind a `>`, the state that follows when it is another.

import Testing

@testable import NetStack

@Suite struct SegmentStateTests {
    enum State: String, CaseIterable {
        case closed, listen, synSent, halfOpen, established, finWait1, finWait2, closeWait, closing, lastAck, timeWait
    }

    /// The check of RFC 9293, 3.10.7, that decides.
    enum Rule {
        case window, reset, synchronize, acknowledgment, noAcknowledgment, text, urgent, finish

        /// Its paragraph in a state.
        func paragraph(in state: State) -> String {
            switch (state, self) {
            case (.closed, .reset): "RFC 9293, 3.10.7.1: a RST is dropped"
            case (.closed, _): "RFC 9293, 3.10.7.1: all else is answered with a RST"
            case (.listen, .reset): "RFC 9293, 3.10.7.2, first"
            case (.listen, .noAcknowledgment): "RFC 9293, 3.10.7.2, fourth"
            case (.listen, .synchronize): "RFC 9293, 3.10.7.2, second (with ACK) and third"
            case (.listen, _): "RFC 9293, 3.10.7.2, second"
            case (.synSent, .reset): "RFC 9293, 3.10.7.3, second; RFC 5961, 3.2"
            case (.synSent, .noAcknowledgment): "RFC 9293, 3.10.7.3, fifth"
            case (.synSent, .synchronize): "RFC 9293, 3.10.7.3, first (with ACK) and fourth"
            case (.synSent, _): "RFC 9293, 3.10.7.3, first"
            case (.timeWait, .reset): "RFC 1337, 3 (fix F1); RFC 9293, 3.10.7.4, second"
            case (.halfOpen, .synchronize): "RFC 9293, 3.10.7.4, fourth: back to LISTEN"
            case (.halfOpen, .acknowledgment): "RFC 9293, 3.10.7.4, fifth, SYN-RECEIVED"
            case (.halfOpen, .text), (.halfOpen, .urgent), (.halfOpen, .finish):
                "RFC 9293, 3.10.7.4, fifth, SYN-RECEIVED: the ACK is looked at first"
            case (.closeWait, .text), (.closing, .text), (.lastAck, .text), (.timeWait, .text),
                (.closeWait, .urgent), (.closing, .urgent), (.lastAck, .urgent), (.timeWait, .urgent):
                "RFC 9293, 3.10.7.4, seventh: nothing comes behind a FIN"
            case (_, .window): "RFC 9293, 3.10.7.4, first"
            case (_, .reset): "RFC 9293, 3.10.7.4, second; RFC 5961, 3.2"
            case (_, .synchronize): "RFC 9293, 3.10.7.4, fourth; RFC 5961, 4.2"
            case (_, .acknowledgment): "RFC 9293, 3.10.7.4, fifth; RFC 5961, 5.2"
            case (_, .noAcknowledgment): "RFC 9293, 3.10.7.4, fifth: without ACK it is dropped"
            case (_, .urgent): "RFC 9293, 3.10.7.4, sixth; RFC 6093: in line"
            case (_, .text): "RFC 9293, 3.10.7.4, seventh"
            case (_, .finish): "RFC 9293, 3.10.7.4, fifth and eighth"
            }
        }
    }

    struct Kind: Sendable {
        let name: String
        let rule: Rule
        let make: @Sendable (TCPBench) -> Segment

        init(name: String, _ rule: Rule, _ make: @escaping @Sendable (TCPBench) -> Segment) {
            self.name = name
            self.rule = rule
            self.make = make
        }
    }

    static let kinds: [Kind] = [
        Kind(name: "RST at RCV.NXT", .reset) { Segment(.rst, $0.r) },
        Kind(name: "RST in the window", .reset) { Segment(.rst, $0.r &+ 1) },
        Kind(name: "RST left of it", .reset) { Segment(.rst, $0.r &- 1) },
        Kind(name: "RST right of it", .reset) { Segment(.rst, $0.r &+ $0.window) },
        Kind(name: "RST, ACK", .reset) { Segment([.rst, .ack], $0.r, $0.next) },
        Kind(name: "SYN at RCV.NXT", .synchronize) { Segment(.syn, $0.r) },
        Kind(name: "SYN left of the window", .synchronize) { Segment(.syn, $0.r &- 1000) },
        Kind(name: "SYN, ACK", .synchronize) { Segment([.syn, .ack], $0.r, $0.next) },
        Kind(name: "SYN, ACK of the future", .synchronize) { Segment([.syn, .ack], $0.r, $0.next &+ 1) },
        Kind(name: "SYN, FIN", .synchronize) { Segment([.syn, .fin], $0.r) },
        Kind(name: "ACK of all", .acknowledgment) { Segment(.ack, $0.r, $0.next) },
        Kind(name: "ACK again", .acknowledgment) { Segment(.ack, $0.r, $0.una) },
        Kind(name: "older ACK", .acknowledgment) { Segment(.ack, $0.r, $0.una &- 1) },
        Kind(name: "ACK of the future", .acknowledgment) { Segment(.ack, $0.r, $0.next &+ 1) },
        Kind(name: "ACK of long ago", .acknowledgment) { Segment(.ack, $0.r, $0.una &- 100_000) },
        Kind(name: "ACK left of the window", .window) { Segment(.ack, $0.r &- 1, $0.una) },
        Kind(name: "ACK right of the window", .window) { Segment(.ack, $0.r &+ $0.window, $0.una) },
        Kind(name: "data", .text) { Segment(.ack, $0.r, $0.una, payload: data) },
        Kind(name: "data, all of it old", .window) { Segment(.ack, $0.r &- 10, $0.una, payload: data) },
        Kind(name: "data, half of it old", .text) { Segment(.ack, $0.r &- 5, $0.una, payload: data) },
        Kind(name: "data before others", .text) { Segment(.ack, $0.r &+ 10, $0.una, payload: data) },
        Kind(name: "data right of the window", .window) { Segment(.ack, $0.r &+ $0.window, $0.una, payload: data) },
        Kind(name: "data, urgent", .urgent) { Segment([.ack, .urg], $0.r, $0.una, payload: data) },
        Kind(name: "data without ACK", .noAcknowledgment) { Segment([], $0.r, payload: data) },
        Kind(name: "data, ACK of the future", .acknowledgment) { Segment(.ack, $0.r, $0.next &+ 1, payload: data) },
        Kind(name: "FIN", .finish) { Segment([.fin, .ack], $0.r, $0.una) },
        Kind(name: "FIN, ACK of all", .finish) { Segment([.fin, .ack], $0.r, $0.next) },
        Kind(name: "FIN before data", .text) { Segment([.fin, .ack], $0.r &+ 10, $0.una) },
        Kind(name: "FIN with data", .finish) { Segment([.fin, .ack], $0.r, $0.una, payload: data) },
        Kind(name: "FIN again", .window) { Segment([.fin, .ack], $0.r &- 1, $0.una) },
        Kind(name: "FIN without ACK", .noAcknowledgment) { Segment(.fin, $0.r) },
        Kind(name: "nothing at all", .noAcknowledgment) { Segment([], $0.r) },
    ]
    static let data = [UInt8](0..<10)

    static func bench(_ state: State) throws -> TCPBench {
        let bench = TCPBench()
        switch state {
        case .closed:
            bench.port = 80
            bench.window = 1000
            bench.next = 7000
            bench.una = 7000
        case .listen:
            try bench.listen()
            bench.window = 1000
            bench.next = 7000
            bench.una = 7000
        case .synSent:
            try bench.connect()
            bench.window = 1000
        case .halfOpen:
            try bench.listen()
            let answer = bench.deliver(Segment(.syn, bench.r))
            bench.r &+= 1
            bench.una = try #require(answer.last).sequence
            bench.next = bench.una &+ 1
        default:
            try bench.establish()
            switch state {
            case .finWait1: try bench.shut()
            case .finWait2:
                try bench.shut()
                bench.acknowledgeAll()
            case .closeWait: bench.finish()
            case .closing:
                try bench.shut()
                bench.finish()
            case .lastAck:
                bench.finish()
                try bench.shut()
            case .timeWait:
                try bench.shut()
                bench.acknowledgeAll()
                bench.finish()
            default: break
            }
        }
        bench.now = 1_000_000
        return bench
    }

    static func cell(_ state: State, _ kind: Kind) throws -> String {
        let bench = try bench(state)
        let before = bench.state
        let segment = kind.make(bench)
        let answers = bench.deliver(segment)
        let after = bench.state
        for answer in answers { check(answer, to: segment, bench, state) }
        let text = answers.map { answer -> String in
            if answer.flags.contains(.rst) { return "r" }
            return answer.flags.contains(.syn) ? "s" : "a"
        }.joined()
        return (text.isEmpty ? "-" : text) + (after == before ? "" : ">\(after)")
    }

    /// Whether an answer's numbers are those of RFC 9293, 3.10.7.
    private static func check(_ answer: Segment, to segment: Segment, _ bench: TCPBench, _ state: State) {
        if answer.flags.contains(.rst) {
            if segment.flags.contains(.ack) {
                #expect(answer.flags == .rst && answer.sequence == segment.acknowledgment)
            } else {
                var length = UInt32(segment.payload.count)
                if segment.flags.contains(.syn) { length += 1 }
                if segment.flags.contains(.fin) { length += 1 }
                #expect(answer.flags == [.rst, .ack] && answer.sequence == 0)
                #expect(answer.acknowledgment == segment.sequence &+ length)
            }
        } else if answer.flags.contains(.syn) {
            #expect(answer.acknowledgment == segment.sequence &+ 1)
        } else if state != .synSent {
            #expect(answer.flags == .ack && answer.sequence == bench.next)
        }
    }

    /// `Rule.paragraph(in:)` has each cell's paragraph.
    static let table = """
        closed listen        synSent       halfOpen      established finWait1   finWait2   closeWait closing    lastAck  timeWait  segment
        -      -             -             ->listen      ->closed    ->closed   ->closed   ->closed  ->closed   ->closed -         RST at RCV.NXT
        -      -             -             a             a           a          a          a         a          a        -         RST in the window
        -      -             -             -             -           -          -          -         -          -        -         RST left of it
        -      -             -             -             -           -          -          -         -          -        -         RST right of it
        -      -             ->closed      ->listen      ->closed    ->closed   ->closed   ->closed  ->closed   ->closed -         RST, ACK
        r      s>synReceived s>synReceived ->listen      a           a          a          a         a          a        a         SYN at RCV.NXT
        r      s>synReceived s>synReceived a             a           a          a          a         a          a        a         SYN left of the window
        r      r             a>established ->listen      a           a          a          a         a          a        a         SYN, ACK
        r      r             r             ->listen      a           a          a          a         a          a        a         SYN, ACK of the future
        r      s>synReceived s>synReceived ->listen      a           a          a          a         a          a        a         SYN, FIN
        r      r             -             ->established -           ->finWait2 -          -         ->timeWait ->closed -         ACK of all
        r      r             r             r             -           -          -          -         -          -        -         ACK again
        r      r             r             r             -           -          -          -         -          -        -         older ACK
        r      r             r             r             a           a          a          a         a          a        a         ACK of the future
        r      r             r             r             a           a          a          a         a          a        -         ACK of long ago
        r      r             r             a             a           a          a          a         a          a        a         ACK left of the window
        r      r             r             a             a           a          a          a         a          a        a         ACK right of the window
        r      r             r             r             a           a          a          a         a          a        a         data
        r      r             r             a             a           a          a          a         a          a        a         data, all of it old
        r      r             r             r             a           a          a          a         a          a        a         data, half of it old
        r      r             r             r             a           a          a          a         a          a        a         data before others
        r      r             r             a             a           a          a          a         a          a        a         data right of the window
        r      r             r             r             a           a          a          a         a          a        a         data, urgent
        r      -             -             -             -           -          -          -         -          -        -         data without ACK
        r      r             r             r             a           a          a          a         a          a        a         data, ACK of the future
        r      r             r             r             a>closeWait a>closing  a>timeWait a         a          a        a         FIN
        r      r             -             a>closeWait   a>closeWait a>timeWait a>timeWait a         a>timeWait ->closed a         FIN, ACK of all
        r      r             r             r             a           a          a          a         a          a        a         FIN before data
        r      r             r             r             a>closeWait a>closing  a>timeWait a         a          a        a         FIN with data
        r      r             r             a             a           a          a          a         a          a        a         FIN again
        r      -             -             -             -           -          -          -         -          -        -         FIN without ACK
        r      -             -             -             -           -          -          -         -          -        -         nothing at all
        """

    @Test(arguments: State.allCases) func everySegmentIsAnsweredAsTheRFCsSay(state: State) throws {
        let column = try #require(State.allCases.firstIndex(of: state))
        let rows = Self.table.split(separator: "\n").dropFirst()
        #expect(rows.count == Self.kinds.count)
        for (row, kind) in zip(rows, Self.kinds) {
            let cells = row.split(separator: " ", omittingEmptySubsequences: true)
            let name = cells.dropFirst(State.allCases.count).joined(separator: " ")
            #expect(name == kind.name)
            #expect(
                try Self.cell(state, kind) == String(cells[column]),
                "\(kind.name) in \(state): \(kind.rule.paragraph(in: state))")
        }
    }
}
