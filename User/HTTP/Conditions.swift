// Conditions of a request (RFC 9110, 13): of a server that has times of last change, and no entity tags.

public struct Conditions: Sendable {
    public enum Verdict: Sendable {
        /// The request is answered as if there were none, with the part that is asked for, or with the whole.
        case part, whole
        /// 304: the client has it.
        case notModified
        /// 412.
        case failed
    }

    private var mustMatch: Bool?
    private var mustNotMatch: Bool?
    private var unmodifiedSince: UInt64?
    private var modifiedSince: UInt64?
    /// If-Range: nil without it; 0 for what no file matches.
    private var rangeTime: UInt64?

    public init() {}

    /// - Parameter now: seconds since 1970; 0: not known.
    init(_ head: Head, now: UInt64) {
        func date(_ name: StaticString) -> UInt64? {
            head.field(name).flatMap { HTTPDate.seconds(head.copy($0), now: now) }
        }
        // Whatever tag a client has, it is not of this server; "*" is any.
        mustMatch = head.field("if-match").map { head.is($0, "*") }
        mustNotMatch = head.field("if-none-match").map { head.is($0, "*") }
        unmodifiedSince = date("if-unmodified-since")
        modifiedSince = date("if-modified-since")
        if head.field("if-range") != nil { rangeTime = date("if-range") ?? 0 }
    }

    /// What they say of a file that is there (13.2.2).
    /// - Parameters:
    ///   - modified: when it was changed last; 0: not known.
    ///   - now: what was changed in this second may change again in it, and is not told apart by its time (8.8.2.2).
    public func verdict(modified: UInt64, now: UInt64) -> Verdict {
        if let mustMatch {
            guard mustMatch else { return .failed }
        } else if let unmodifiedSince, modified > unmodifiedSince {
            return .failed
        }
        if let mustNotMatch {
            if mustNotMatch { return .notModified }
        } else if let modifiedSince, modified > 0, modified <= modifiedSince, modified < now {
            return .notModified
        }
        guard let rangeTime else { return .part }
        return rangeTime > 0 && rangeTime == modified && modified < now ? .part : .whole
    }
}
