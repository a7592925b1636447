// A request as a server reads it (RFC 9110, RFC 9112).

/// A range of bytes that is asked for (RFC 9110, 14.1.2); nil: up to the end, or the last `end` bytes.
public struct ByteRange: Equatable, Sendable {
    public var start: Int?
    public var end: Int?

    /// The first byte and how many, of a whole of so many bytes; nil when it has none of them.
    public func resolved(_ count: Int) -> (first: Int, count: Int)? {
        guard let start else {
            guard let end, end > 0, count > 0 else { return nil }
            return (max(0, count - end), min(end, count))
        }
        guard start < count else { return nil }
        let last = min(end ?? count - 1, count - 1)
        guard last >= start else { return nil }
        return (start, last - start + 1)
    }
}

public struct HTTPRequest {
    public enum Method: Sendable {
        case get, head, other
    }

    /// What a server finds in the bytes that have come.
    public enum Result {
        /// More are needed.
        case incomplete
        /// A request, and how many bytes it took.
        case request(HTTPRequest, Int)
        /// None: answer with this status, and end the connection.
        case refused(Int)
    }

    public var method = Method.other
    /// The path, its escapes undone and without what follows a question mark; it begins with "/" and leaves the root
    /// nowhere.
    public var path: [UInt8] = []
    public var keepsAlive = false
    public var range: ByteRange?
    public var conditions = Conditions()

    /// Looks for a request at the start of the bytes.
    /// - Parameter now: seconds since 1970, for dates with years of two digits; 0: not known.
    public static func read(_ bytes: [UInt8], now: UInt64 = 0) -> Result {
        guard let head = Head(bytes) else { return bytes.count >= Head.limit ? .refused(431) : .incomplete }
        guard head.count <= Head.limit else { return .refused(431) }
        guard let (method, rest) = head.split(head.startLine, at: 32), let (target, version) = head.split(rest, at: 32)
        else { return .refused(400) }
        guard version.end - version.start == 8, head.is(Piece(version.start, version.start + 7), "http/1.") else {
            return .refused(head.is(Piece(version.start, min(version.end, version.start + 5)), "http/") ? 505 : 400)
        }
        var request = HTTPRequest()
        let word = head.copy(method)
        request.method = word == [71, 69, 84] ? .get : word == [72, 69, 65, 68] ? .head : .other
        guard target.end - target.start <= 1024 else { return .refused(414) }
        guard let path = Self.path(head, target) else { return .refused(400) }
        request.path = path
        let isNew = head.bytes[version.end - 1] != 48
        // RFC 9112, 3.2: exactly this field is required of HTTP/1.1.
        guard !isNew || head.field("host") != nil else { return .refused(400) }
        request.keepsAlive = isNew
        if let connection = head.field("connection") {
            if head.lists(connection, "close") { request.keepsAlive = false }
            if !isNew, head.lists(connection, "keep-alive") { request.keepsAlive = true }
        }
        // A body is not read: its length would have to be known to find the next request.
        if head.field("transfer-encoding") != nil { return .refused(501) }
        if let length = head.field("content-length"), head.number(length) != 0 { return .refused(413) }
        if let range = head.field("range") { request.range = Self.range(head, range) }
        request.conditions = Conditions(head, now: now)
        return .request(request, head.count)
    }

    /// nil for a path with a NUL, a wrong escape, or ".." in it.
    private static func path(_ head: Head, _ target: Piece) -> [UInt8]? {
        var piece = target
        // An absolute form: what stands before the path is this host.
        if !piece.isEmpty, head.bytes[piece.start] != UInt8(ascii: "/") {
            guard piece.end - piece.start > 7, head.is(Piece(piece.start, piece.start + 7), "http://") else {
                return nil
            }
            piece.start += 7
            while !piece.isEmpty, head.bytes[piece.start] != UInt8(ascii: "/") { piece.start += 1 }
        }
        if let (path, _) = head.split(piece, at: UInt8(ascii: "?")) { piece = path }
        guard let path = unescaped(head.copy(piece)), !path.contains(0) else { return nil }
        return hasDots(path) ? nil : (path.isEmpty ? [UInt8(ascii: "/")] : path)
    }

    /// Undoes %XX; nil for anything else behind a percent sign.
    static func unescaped(_ bytes: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        var i = 0
        while i < bytes.count {
            if bytes[i] == UInt8(ascii: "%") {
                guard i + 2 < bytes.count, let high = digit(bytes[i + 1]), let low = digit(bytes[i + 2]) else {
                    return nil
                }
                result.append(high << 4 | low)
                i += 3
            } else {
                result.append(bytes[i])
                i += 1
            }
        }
        return result
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }

    private static func hasDots(_ path: [UInt8]) -> Bool {
        var dots = 0
        var length = 0
        for byte in path + [47] {
            if byte == 47 {
                if dots == 2, length == 2 { return true }
                dots = 0
                length = 0
            } else {
                length += 1
                if byte == 46 { dots += 1 }
            }
        }
        return false
    }

    /// One range of bytes; nil (and the whole is sent) for several, and for what is malformed.
    private static func range(_ head: Head, _ value: Piece) -> ByteRange? {
        guard value.end - value.start > 6, head.is(Piece(value.start, value.start + 6), "bytes=") else { return nil }
        guard let (first, last) = head.split(Piece(value.start + 6, value.end), at: UInt8(ascii: "-")) else {
            return nil
        }
        let start = head.number(head.trimmed(first)), end = head.number(head.trimmed(last))
        guard start != nil || first.isEmpty, end != nil || last.isEmpty, start != nil || end != nil else { return nil }
        if let start, let end, end < start { return nil }
        return ByteRange(start: start, end: end)
    }
}
