// HTTP as servers and clients of ours read it: literal messages.

import Testing

@testable import HTTP

@Suite struct HTTPTests {
    private func request(_ text: String) -> HTTPRequest? {
        guard case .request(let request, let count) = HTTPRequest.read([UInt8](text.utf8)) else { return nil }
        #expect(count == text.utf8.count)
        return request
    }

    private func status(_ text: String) -> Int? {
        guard case .refused(let status) = HTTPRequest.read([UInt8](text.utf8)) else { return nil }
        return status
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func aRequestIsTakenWholeOrNotYet() throws {
        let whole = "GET /a%20b/c?d=e HTTP/1.1\r\nhOsT: x\r\nConnection: Keep-Alive\r\n\r\n"
        let found = try #require(request(whole))
        #expect(found.method == .get && text(found.path) == "/a b/c" && found.keepsAlive && found.range == nil)
        for count in 0..<whole.utf8.count {
            guard case .incomplete = HTTPRequest.read([UInt8](whole.utf8.prefix(count))) else {
                Issue.record("\(count) bytes of a request are taken for one")
                return
            }
        }
        // What follows is the next one's.
        guard case .request(_, let count) = HTTPRequest.read([UInt8]((whole + "GET").utf8)) else {
            Issue.record("no request before another")
            return
        }
        #expect(count == whole.utf8.count)
    }

    @Test(arguments: [
        ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: x, CLOSE\r\n", false), ("HTTP/1.0", "", false),
        ("HTTP/1.0", "Connection: keep-alive\r\n", true),
    ])
    func theConnectionStaysAsTheVersionAndItsFieldSay(version: String, field: String, stays: Bool) throws {
        #expect(try #require(request("HEAD / \(version)\r\nHost: x\r\n\(field)\r\n")).keepsAlive == stays)
    }

    /// RFC 9110, 14.1.2: of 100 bytes.
    @Test(arguments: [
        ("0-0", 0, 1), ("10-19", 10, 10), ("90-", 90, 10), ("99-500", 99, 1), ("-5", 95, 5), ("-500", 0, 100),
    ])
    func aRangeIsSoManyBytes(range: String, first: Int, count: Int) throws {
        let found = try #require(request("GET / HTTP/1.0\r\nRange: bytes=\(range)\r\n\r\n")?.range)
        let resolved = try #require(found.resolved(100))
        #expect(resolved.first == first && resolved.count == count)
    }

    @Test(arguments: ["100-", "500-600", "-0"]) func aRangeBeyondTheEndIsNone(range: String) throws {
        let found = try #require(request("GET / HTTP/1.0\r\nRange: bytes=\(range)\r\n\r\n")?.range)
        #expect(found.resolved(100) == nil)
        #expect(ByteRange(start: 0, end: nil).resolved(0) == nil)
    }

    /// What is malformed, and several at once, is as if there were none.
    @Test(arguments: ["bytes=9-1", "bytes=-", "bytes=a-b", "bytes=1-2,5-6", "lines=1-2", "bytes=99999999999999999999-"])
    func aRangeThatIsNoneIsLeftOut(range: String) throws {
        let found = try #require(request("GET / HTTP/1.0\r\nRange: \(range)\r\n\r\n"))
        #expect(found.range == nil)
    }

    @Test(arguments: [
        ("GET /\r\n\r\n", 400), ("GET / HTTP/2.0\r\n\r\n", 505), ("GET / FTP/1.0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400), ("GET /../x HTTP/1.0\r\n\r\n", 400), ("GET /%2e%2e/x HTTP/1.0\r\n\r\n", 400),
        ("GET /a/.. HTTP/1.0\r\n\r\n", 400), ("GET /%00 HTTP/1.0\r\n\r\n", 400), ("GET /%zz HTTP/1.0\r\n\r\n", 400),
        ("GET x HTTP/1.0\r\n\r\n", 400), ("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\n", 413),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
        ("GET /\(String(repeating: "a", count: 1100)) HTTP/1.0\r\n\r\n", 414),
        ("GET / HTTP/1.0\r\nX: \(String(repeating: "a", count: 9000))", 431),
    ])
    func whatIsNoRequestIsRefusedByItsReason(request: String, status: Int) {
        #expect(self.status(request) == status)
    }

    @Test(arguments: ["/...", "/a..b", "/.hidden", "/a/b.c/"]) func dotsInNamesAreNames(path: String) throws {
        #expect(text(try #require(request("GET \(path) HTTP/1.0\r\n\r\n")).path) == path)
    }

    @Test func aResponseSaysHowLongItsBodyIs() throws {
        func read(_ text: String) throws -> HTTPResponse? { try HTTPResponse.read([UInt8](text.utf8))?.response }
        let part = try #require(
            try read("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 10-19/100\r\nContent-Length: 10\r\n\r\n"))
        #expect(part.status == 206 && part.length == 10 && part.rangeStart == 10 && !part.isChunked)
        // A length beside chunks does not count (RFC 9112, 6.3).
        let chunked = try #require(
            try read("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\nContent-Length: 3\r\n\r\n"))
        #expect(chunked.isChunked && chunked.length == nil)
        #expect(try #require(try read("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n")).length == 0)
        #expect(text(try #require(try read("HTTP/1.0 302 X\r\nLocation:  /y \r\n\r\n")?.location)) == "/y")
        #expect(try read("HTTP/1.1 200 OK\r\n") == nil)
        #expect(throws: MalformedHTTP.self) { try read("SSH-2.0-x\r\n\r\n") }
        #expect(throws: MalformedHTTP.self) { try read("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n") }
    }

    /// However they are cut.
    @Test(arguments: 1...12) func chunksAreTakenApart(piece: Int) throws {
        let bytes = [UInt8]("5;x=y\r\nhello\r\n10\r\n, wide old world\r\n0\r\nA: b\r\n\r\nrest".utf8)
        var reader = ChunkReader()
        var output: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: piece) {
            try reader.read(Array(bytes[start..<min(start + piece, bytes.count)]), into: &output)
        }
        #expect(text(output) == "hello, wide old world" && reader.isDone)
    }

    @Test(arguments: ["x\r\n", "\r\n", "ffffffffffff\r\n", "1\r\nab\r\n"]) func malformedChunksAreRefused(bytes: String)
    {
        var reader = ChunkReader()
        var output: [UInt8] = []
        #expect(throws: MalformedHTTP.self) { try reader.read([UInt8](bytes.utf8), into: &output) }
    }

    // MARK: Dates and conditions

    private func date(_ text: String, now: UInt64 = 0) -> UInt64? { HTTPDate.seconds([UInt8](text.utf8), now: now) }

    /// The examples of RFC 9110, 5.6.7, and the ends of what there is.
    @Test func datesOfAllThreeForms() {
        let example: UInt64 = 784_111_777
        #expect(text(HTTPDate.text(example)) == "Sun, 06 Nov 1994 08:49:37 GMT")
        for form in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            #expect(date(form) == example)
            #expect(date(form, now: 1_796_000_000) == example)
            for count in 0..<form.utf8.count { #expect(date(String(form.prefix(count))) == nil) }
            #expect(date(form + "x") == nil)
        }
        for seconds: UInt64 in [0, 951_782_399, 951_782_400, 4_107_542_399, 253_402_300_799, 1_709_164_800] {
            #expect(date(text(HTTPDate.text(seconds))) == seconds)
        }
        #expect(text(HTTPDate.text(.max)).hasSuffix(" GMT"))
        #expect(date("Tue, 29 Feb 2000 00:00:00 GMT") == 951_782_400)
        #expect(date("Wednesday, 01-Jan-75 00:00:00 GMT", now: 1_796_000_000) == 3_313_526_400)  // 49 years ahead
        #expect(date("Saturday, 01-Jan-77 00:00:00 GMT", now: 1_796_000_000) == 220_924_800)
        for wrong in [
            "", "Sun", "Sun, 31 Nov 1994 08:49:37 GMT", "Mon, 29 Feb 2100 00:00:00 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 06 Nov 1994 08:49:37 UTC",
            "sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT", "Sunday, 06 Nov 1994 08:49:37 GMT", "0", "Sun Nov 6 08:49:37 1994",
        ] {
            #expect(date(wrong) == nil, "\(wrong)")
        }
    }

    @Test(
        arguments: [
            ("", .part), ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", .notModified),
            ("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT", .part), ("If-Modified-Since: yesterday", .part),
            ("If-Modified-Since: Mon, 07 Nov 1994 08:49:36 GMT", .notModified),
            ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT", .part),
            ("If-Unmodified-Since: Sunday, 06-Nov-94 08:49:36 GMT", .failed), ("If-Unmodified-Since: x", .part),
            ("If-None-Match: *", .notModified), ("If-None-Match: \"a\"", .part),
            ("If-None-Match: \"a\"\r\nIf-Modified-Since: Mon, 07 Nov 1994 08:49:36 GMT", .part),
            ("If-Match: *\r\nIf-Unmodified-Since: Sunday, 06-Nov-94 08:49:36 GMT", .part), ("If-Match: \"a\"", .failed),
            ("If-Range: Sun Nov  6 08:49:37 1994", .part), ("If-Range: Sun, 06 Nov 1994 08:49:38 GMT", .whole),
            ("If-Range: \"a\"", .whole), ("If-Range:", .whole),
        ] as [(String, Conditions.Verdict)]) func conditionsOfAFileWithATime(field: String, verdict: Conditions.Verdict)
        throws
    {
        let request = try #require(
            self.request("GET / HTTP/1.1\r\nHost: x\r\n\(field)\(field.isEmpty ? "" : "\r\n")\r\n"))
        #expect(request.conditions.verdict(modified: 784_111_777, now: 800_000_000) == verdict)
        // A file of this second is not told from one that changes yet in it.
        let fresh = request.conditions.verdict(modified: 784_111_777, now: 784_111_777)
        #expect(fresh == (field.hasPrefix("If-Mod") ? .part : field.hasPrefix("If-R") ? .whole : verdict))
        // One without a time is new to every client that names one.
        let timeless = request.conditions.verdict(modified: 0, now: 800_000_000)
        #expect(timeless != .notModified || field == "If-None-Match: *")
        if field.hasPrefix("If-Range") { #expect(timeless == .whole) }
    }
}
