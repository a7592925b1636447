// A response as a client reads it (RFC 9112, 4 and 6).

public struct HTTPResponse {
    public var status = 0
    /// Bytes of the body; nil: up to the end of the connection, unless it comes in chunks.
    public var length: Int?
    public var isChunked = false
    /// Where it is instead.
    public var location: [UInt8]?
    /// Of a part: the first byte's place in the whole.
    public var rangeStart: Int?

    /// The response at the start of the bytes, and how many its head took; nil while that is not complete.
    /// - Throws: MalformedHTTP.
    public static func read(_ bytes: [UInt8]) throws(MalformedHTTP) -> (response: HTTPResponse, count: Int)? {
        guard let head = Head(bytes) else {
            if bytes.count > 8 * Head.limit { throw MalformedHTTP() }
            return nil
        }
        let line = head.startLine
        guard line.end - line.start >= 12, head.is(Piece(line.start, line.start + 7), "http/1."),
            let status = head.number(Piece(line.start + 9, line.start + 12)), status >= 100
        else { throw MalformedHTTP() }
        var response = HTTPResponse()
        response.status = status
        if let encoding = head.field("transfer-encoding") { response.isChunked = head.lists(encoding, "chunked") }
        if !response.isChunked, let length = head.field("content-length") {
            guard let number = head.number(length) else { throw MalformedHTTP() }
            response.length = number
        }
        if status == 204 || status == 304 || status < 200 { response.length = 0 }
        if let location = head.field("location") { response.location = head.copy(location) }
        if let range = head.field("content-range"), let (_, rest) = head.split(range, at: 32),
            let (first, _) = head.split(rest, at: UInt8(ascii: "-"))
        {
            response.rangeStart = head.number(first)
        }
        return (response, head.count)
    }
}

/// Bytes that are no HTTP.
public struct MalformedHTTP: Error, Equatable {
    public init() {}
}

/// Takes chunks apart (RFC 9112, 7.1), whatever pieces they come in.
public struct ChunkReader {
    private enum State {
        case size, sizeRest, data, dataEnd, trailer, done
    }

    private var state = State.size
    private var left = 0
    private var digits = 0
    private var lineCount = 0

    public init() {}

    /// The last chunk, and what follows it, has come.
    public var isDone: Bool { state == .done }

    /// Appends the data in these bytes to `output`.
    public mutating func read(_ bytes: [UInt8], into output: inout [UInt8]) throws(MalformedHTTP) {
        var i = 0
        while i < bytes.count, state != .done {
            if state == .data {
                let count = min(left, bytes.count - i)
                output.append(contentsOf: bytes[i..<i + count])
                i += count
                left -= count
                if left == 0 { state = .dataEnd }
                continue
            }
            try read(bytes[i])
            i += 1
        }
    }

    private mutating func read(_ byte: UInt8) throws(MalformedHTTP) {
        switch state {
        case .size:
            if let digit = Self.digit(byte) {
                guard left < 1 << 40 else { throw MalformedHTTP() }
                left = left << 4 | digit
                digits += 1
                return
            }
            guard digits > 0 else { throw MalformedHTTP() }
            state = .sizeRest
            lineCount = 0
            try endSize(byte)
        case .sizeRest: try endSize(byte)
        case .dataEnd:
            guard byte == 13 || byte == 10 else { throw MalformedHTTP() }
            if byte == 10 {
                state = .size
                left = 0
                digits = 0
            }
        case .trailer:
            if byte == 10 {
                if lineCount == 0 { state = .done }
                lineCount = 0
            } else if byte != 13 {
                lineCount += 1
                if lineCount > Head.limit { throw MalformedHTTP() }
            }
        case .data, .done: break
        }
    }

    private mutating func endSize(_ byte: UInt8) throws(MalformedHTTP) {
        lineCount += 1
        guard lineCount < Head.limit else { throw MalformedHTTP() }
        guard byte == 10 else { return }
        lineCount = 0
        state = left == 0 ? .trailer : .data
    }

    private static func digit(_ byte: UInt8) -> Int? {
        switch byte {
        case 48...57: Int(byte) - 48
        case 65...70: Int(byte) - 55
        case 97...102: Int(byte) - 87
        default: nil
        }
    }
}
