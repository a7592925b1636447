// `#expect` cannot take apart an expression on a noncopyable value; this takes the result alone.

import Testing

func check(_ condition: Bool, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(condition, comment, sourceLocation: sourceLocation)
}
