// HTTP: a request, a response and chunks, in one piece and in two.

import HTTP

enum HyperText {
    static func run(_ input: [UInt8]) -> UInt64 {
        var sum: UInt64 = 0
        if case .request(let request, let count) = HTTPRequest.read(input) {
            precondition(count <= input.count && request.path.first == UInt8(ascii: "/"), "a request beyond its bytes")
            if let (first, length) = request.range?.resolved(1000) {
                precondition(first >= 0 && length > 0 && first + length <= 1000, "a range beyond the file")
            }
            if request.conditions.verdict(modified: 784_111_777, now: 800_000_000) == .part { sum &+= 1 }
            sum &+= UInt64(count) &+ UInt64(request.path.count)
        }
        if let (response, count) = (try? HTTPResponse.read(input)) ?? nil {
            precondition(count <= input.count, "a response beyond its bytes")
            sum &+= UInt64(response.status)
        }
        sum &+= UInt64(chunks(input).count)
        if let date = HTTPDate.seconds(input, now: sum) {
            precondition(HTTPDate.seconds(HTTPDate.text(date), now: 0) == date, "a date that is written is another")
        }
        return sum
    }

    /// However the bytes are cut, the data is the same.
    private static func chunks(_ input: [UInt8]) -> [UInt8] {
        func read(_ pieces: [[UInt8]]) -> [UInt8] {
            var reader = ChunkReader()
            var output: [UInt8] = []
            for piece in pieces {
                guard (try? reader.read(piece, into: &output)) != nil else { break }
            }
            return output
        }
        let whole = read([input])
        let half = input.count / 2
        precondition(
            read([Array(input[..<half]), Array(input[half...])]) == whole, "chunks depend on how their bytes came")
        return whole
    }
}
